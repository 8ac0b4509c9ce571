/** Names of callers that can be read without doubt. */

/**
 * Whether a name is shown completely and as it is, because it is stored with every change and stands in logs. At most
 * 256 characters; no controls, no line ends, nothing that is invisible or turns the direction of writing, no blank at
 * an end.
 */
export function isPlainName(text: string): boolean {
  return (
    /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,256}$/u.test(text) &&
    !/\p{Default_Ignorable_Code_Point}|[\u2800\ufffc\u{1d159}]/u.test(text) &&
    !/^[ \p{M}]| $/u.test(text)
  );
}
