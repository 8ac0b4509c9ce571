/** Keeps the beginning of a target's answer. */

import { charsetOf, decodeText } from './charset.ts';

/**
 * How much of an answer is read before the connection is cut, in bytes. Up to there it is read and dropped, so that the
 * target can end.
 */
export const readLimit = 8 * 1024 * 1024;
/** How much of an answer can be judged, in bytes; also the most that a compressed one may become. */
export const judgeLimit = 1024 * 1024;
/** How much of the answer is kept, in bytes. */
export const keepLimit = 16 * 1024;

/** The beginning of an answer's body, up to `limit` bytes. `received` counts all bytes that came. */
export type Answer = { bytes: Buffer | null; kept: number; received: number; limit: number };

export function emptyAnswer(): Answer {
  return { bytes: null, kept: 0, received: 0, limit: keepLimit };
}

/** Takes the next chunk in; false when the answer is longer than `readLimit`. */
export function takeChunk(answer: Answer, chunk: Buffer): boolean {
  const { limit } = answer;
  answer.received += chunk.length;
  if (answer.bytes === null) {
    answer.bytes = chunk;
    answer.kept = Math.min(chunk.length, limit);
  } else if (answer.kept < limit) {
    // The buffer doubles in size, so that a target that sends single bytes does not cost an object for each.
    const wanted = Math.min(limit, answer.kept + chunk.length);
    if (answer.bytes.length < wanted || answer.bytes.length < keepLimit) {
      const whole = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(keepLimit, 2 * wanted)));
      answer.bytes.copy(whole, 0, 0, answer.kept);
      answer.bytes = whole;
    }
    answer.kept += chunk.copy(answer.bytes, answer.kept);
  }
  return answer.received <= readLimit;
}

/** Whether more came than the first 16 KiB, which are all that is stored. */
export function isTruncated(answer: Answer): boolean {
  return answer.received > Math.min(answer.kept, keepLimit);
}

/**
 * The first `limit` bytes as text in the charset of the content type: UTF-8 where it names none, or none that is known.
 * U+FFFD stands for bytes that are not in the charset, and for NUL, which Postgres text cannot hold.
 * A code point cut by the limit, or by a connection that broke off, is left out.
 */
export function answerText(
  answer: Answer,
  isComplete: boolean,
  contentType: string | null = null,
  limit = keepLimit,
): string {
  if (answer.bytes === null) return '';
  const bytes = answer.bytes.subarray(0, Math.min(answer.kept, limit));
  const isWhole = isComplete && answer.received === bytes.length;
  const text = decodeText(bytes, charsetOf(bytes, contentType), isWhole);
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}
