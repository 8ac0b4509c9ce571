/** What is kept of a target's answer: its beginning, whatever it sends. */

/** How much of an answer is read before the connection is cut, in bytes. */
export const readLimit = 1024 * 1024;
/** How much of what is read is kept, in bytes. */
export const keepLimit = 16 * 1024;

/** The beginning of an answer's body. `received` counts all bytes that came. */
export type Answer = { bytes: Buffer | null; kept: number; received: number };

export function emptyAnswer(): Answer {
  return { bytes: null, kept: 0, received: 0 };
}

/** Takes the next chunk in; false when the answer is longer than anybody should read. */
export function takeChunk(answer: Answer, chunk: Buffer): boolean {
  answer.received += chunk.length;
  if (answer.bytes === null) {
    answer.bytes = chunk;
    answer.kept = Math.min(chunk.length, keepLimit);
  } else if (answer.kept < keepLimit) {
    // One buffer of full size: a target that sends single bytes must not cost an object for each.
    if (answer.bytes.length < keepLimit) {
      const whole = Buffer.allocUnsafeSlow(keepLimit);
      answer.bytes.copy(whole, 0, 0, answer.kept);
      answer.bytes = whole;
    }
    answer.kept += chunk.copy(answer.bytes, answer.kept);
  }
  return answer.received <= readLimit;
}

/** Whether more came than is kept. */
export function isTruncated(answer: Answer): boolean {
  return answer.received > answer.kept;
}

/**
 * The kept bytes as text: UTF-8, with U+FFFD for what is not, and for NUL, which Postgres text cannot hold.
 * A code point cut by the limit, or by a connection that broke off, is left out.
 */
export function answerText(answer: Answer, isComplete: boolean): string {
  if (answer.bytes === null) return '';
  const bytes = answer.bytes.subarray(0, answer.kept);
  const text =
    isComplete && !isTruncated(answer)
      ? bytes.toString('utf8')
      : new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true });
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}
