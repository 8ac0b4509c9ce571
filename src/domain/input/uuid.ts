/** The form of UUIDs, which name runs, keys and bindings. */

const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether Postgres can read a text as a UUID, in the usual form. */
export function isUuid(text: string): boolean {
  return uuidText.test(text);
}
