/** Which charset an answer is in, by its first bytes and its content type (WHATWG Encoding). */

import { TextDecoder } from 'node:util';

/** The label of a charset that can be decoded: `utf-8` where nothing else is known. */
export function charsetOf(bytes: Buffer, contentType: string | null): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  const named = contentType === null ? null : /;\s*charset\s*=\s*["']?([^\s"';]+)/i.exec(contentType);
  const label = named?.[1]?.toLowerCase() ?? 'utf-8';
  if (label === 'utf-8' || label === 'utf8') return 'utf-8';
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return 'utf-8';
  }
}

/** A decoder for such a label. The mark at the beginning of UTF-8 stays, as it always did; of UTF-16 it is no character. */
export function decoderOf(charset: string): TextDecoder {
  return new TextDecoder(charset, { ignoreBOM: charset === 'utf-8' });
}
