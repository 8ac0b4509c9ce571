/** The output that is kept of a run. */

/** In bytes of UTF-8. */
const longestOutput = 16 * 1024;

/** The first 16 KiB, without half a character at the end. */
export function cutOutput(text: string): { text: string; truncated: boolean } {
  const bytes = Buffer.from(text);
  if (bytes.length <= longestOutput) return { text: bytes.toString(), truncated: false };
  const kept = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, longestOutput), { stream: true });
  return { text: kept, truncated: true };
}
