/** Marks a part of an answer that is JSON text already, so that it is sent as it stands. */

/** The name of the one member of such a part. No client can send it: a NUL is refused in names as in any text. */
export const jsonTextMember = '\0json';

/** Stands in an answer for a value of which the JSON text is known. It lives through JSON.stringify and JSON.parse. */
export function alreadyJson(text: string): unknown {
  return { [jsonTextMember]: text };
}
