/** Finds where a text in UTF-8 can be cut. */

const carriageReturn = 0x0d;

/** The bytes without half a character at the end, and without a line end that may go on with the next byte. */
export function completeText(bytes: Buffer): Buffer {
  const { length } = bytes;
  if (bytes[length - 1] === carriageReturn) return bytes.subarray(0, length - 1);
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back] as number;
    // A byte of the form 10xxxxxx goes on with a character.
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? bytes.subarray(0, length - back) : bytes;
  }
  return bytes;
}
