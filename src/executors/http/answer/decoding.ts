/** Undoes the content encodings of an answer, up to the limit of reading. */

import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import type { Answer } from './answer.ts';

/** More are a mistake or an attack. */
const mostEncodings = 3;

/** The encodings to undo, the last one first, or null where there are none or none that are known. */
export function encodingsOf(header: string | string[] | undefined): string[] | null {
  if (header === undefined) return null;
  const names = String(header)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  const areKnown =
    names.length > 0 && names.length <= mostEncodings && names.every((name) => /^((x-)?gzip|deflate|br)$/.test(name));
  return areKnown ? names.reverse() : null;
}

/**
 * The answer with its encodings undone, at most `limit` bytes of it. An answer that is damaged or cut off is decoded up
 * to that place, and counts as truncated. Never rejects.
 */
export async function decodeAnswer(answer: Answer, encodings: readonly string[], limit: number): Promise<Answer> {
  let bytes = answer.bytes?.subarray(0, answer.kept) ?? Buffer.alloc(0);
  let isMore = answer.received > answer.kept;
  for (const encoding of encodings) {
    if (bytes.length === 0) break;
    const decoded = await decode(bytes, encoding, limit);
    bytes = decoded.bytes;
    isMore ||= decoded.isMore;
  }
  return { bytes, kept: bytes.length, received: bytes.length + (isMore ? 1 : 0), limit };
}

function decode(bytes: Buffer, encoding: string, limit: number): Promise<{ bytes: Buffer; isMore: boolean }> {
  return new Promise((resolve) => {
    const decoder = decoderFor(encoding, bytes);
    const chunks: Buffer[] = [];
    let total = 0;
    const finish = (isMore: boolean) => {
      decoder.destroy();
      resolve({ bytes: Buffer.concat(chunks, Math.min(total, limit)), isMore });
    };
    decoder.on('data', (chunk: Buffer) => {
      if (total > limit) return;
      chunks.push(chunk);
      total += chunk.length;
      if (total > limit) finish(true);
    });
    decoder.once('end', () => finish(false));
    decoder.on('error', () => finish(true));
    decoder.end(bytes);
  });
}

function decoderFor(encoding: string, bytes: Buffer): Transform {
  if (encoding === 'br') return createBrotliDecompress();
  if (encoding !== 'deflate') return createGunzip();
  // RFC 9110 §8.4.1.2 means zlib's format, but some servers leave its header out.
  return ((bytes[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
}
