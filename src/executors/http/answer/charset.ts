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

/**
 * Bytes in such a charset as text; a character that is cut off at the end is left out where `isWhole` is false. The
 * mark at the beginning of UTF-8 stays, as it always did; of UTF-16 it is no character.
 */
export function decodeText(bytes: Buffer, charset: string, isWhole: boolean): string {
  if (charset === 'utf-8' && isWhole) return bytes.toString('utf8');
  // Node's own decoder takes it for ISO-8859-1, where these bytes are controls.
  if (charset === 'windows-1252')
    return bytes
      .toString('latin1')
      .replace(/[\x80-\x9f]/g, (control) => windows1252[control.charCodeAt(0) - 0x80] as string);
  return new TextDecoder(charset, { ignoreBOM: charset === 'utf-8' }).decode(bytes, { stream: !isWhole });
}

/** The characters of 0x80 to 0x9f (WHATWG Encoding, index windows-1252). */
const windows1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';
