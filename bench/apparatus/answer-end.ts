/** Finds the end of an HTTP answer, for clients that parse no more than they must. */

const headEnd = Buffer.from('\r\n\r\n');

/** Where the answer that begins the buffer ends; Infinity while its head is not complete. */
export function answerEnd(bytes: Buffer): number {
  const head = bytes.indexOf(headEnd);
  if (head < 0) return Infinity;
  const text = bytes.toString('latin1', 0, head);
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  if (length === undefined && !text.startsWith('HTTP/1.1 204')) throw new Error(`an answer without a length:\n${text}`);
  return head + headEnd.length + Number(length ?? 0);
}
