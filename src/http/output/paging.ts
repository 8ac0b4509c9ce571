/** Pages of a list: opaque cursors and the `Link` header. */

import type { FastifyReply } from 'fastify';
import type { Turns } from '../../turns.ts';
import { invalidField } from '../problems.ts';
import { writeAnswer } from './write-answer.ts';

/** The contents of the cursor of the page after the one that ends with `last`. */
function encodeCursor(last: string): string {
  return Buffer.from(last).toString('base64url');
}

/** The text in a cursor; a 400 when `isValid` does not accept it. */
export function decodeCursor(cursor: string | undefined, isValid: (text: string) => boolean): string | null {
  if (cursor === undefined) return null;
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!isValid(text)) throw invalidField([{ pointer: '#/cursor', detail: 'is not a cursor that this list gave out' }]);
  return text;
}

/** In bytes. The items of a page after its first one are no longer than this together; others are on the next page. */
export const largestPage = 2 * 1024 * 1024;

/** The contents of a page: items in their order, and whether more follow them. */
export type Found<T> = { items: readonly T[]; more: boolean };

/** At most `limit` of `limit` + 1 found items. */
export function upTo<T>(found: readonly T[], limit: number): Found<T> {
  return { items: found.slice(0, limit), more: found.length > limit };
}

/**
 * Answers with a page of the found items, as many as fit; `cursorOf` gives the name of an item in the cursor of the
 * page after it. The items are written in turns with all else.
 */
export async function sendPage<T>(
  turns: Turns,
  reply: FastifyReply,
  { items, more }: Found<T>,
  view: (item: T) => unknown,
  cursorOf: (item: T) => string,
): Promise<FastifyReply> {
  const written: Written[] = [];
  let bytes = 0;
  for (const item of items) {
    await turns.take();
    const text = writeAnswer(view(item));
    bytes += text.length;
    written.push({ text, cursor: cursorOf(item) });
    if (bytes > largestPage) break;
  }
  return sendWritten(reply, written, more || written.length < items.length);
}

/** An item as JSON text, empty where it is deleted, and its name in a cursor. */
export type Written = { text: string; cursor: string };

/** The same for items that are written already; `more` says that others follow them. */
export function sendWritten(reply: FastifyReply, written: readonly Written[], more: boolean): FastifyReply {
  let fitting = 0;
  for (let bytes = 0; fitting < written.length; fitting++) {
    bytes += Buffer.byteLength((written[fitting] as Written).text);
    if (fitting > 0 && bytes > largestPage) break;
  }
  const page = written.slice(0, fitting);
  const last = page.at(-1);
  const nextCursor = last !== undefined && (more || fitting < written.length) ? encodeCursor(last.cursor) : null;
  if (nextCursor !== null) {
    const url = new URL(reply.request.url, 'http://localhost');
    url.searchParams.set('cursor', nextCursor);
    reply.header('link', `<${url.pathname}${url.search}>; rel="next"`);
  }
  const items = page.flatMap(({ text }) => (text === '' ? [] : text)).join(',');
  return reply
    .type('application/json; charset=utf-8')
    .send(`{"items":[${items}],"nextCursor":${JSON.stringify(nextCursor)}}`);
}
