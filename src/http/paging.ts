/** Pages of a list: opaque cursors and the `Link` header. */

import type { FastifyReply } from 'fastify';
import { invalidField } from './problems.ts';
import type { Turns } from './turns.ts';
import { writeAnswer } from './write-answer.ts';

/** What stands in the cursor of the page after the one that ends with `last`. */
function encodeCursor(last: string): string {
  return Buffer.from(last).toString('base64url');
}

/** The text in a cursor; a 400 when `valid` does not accept it. */
export function decodeCursor(cursor: string | undefined, valid: RegExp): string | null {
  if (cursor === undefined) return null;
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!valid.test(text))
    throw invalidField([{ pointer: '#/cursor', detail: 'is not a cursor that this list gave out' }]);
  return text;
}

/** In bytes. What a page holds beyond its first item comes to no more than this; the rest is on the next one. */
export const largestPage = 2 * 1024 * 1024;

/** What a page is made of: items in their order, and whether more follow them. */
export type Found<T> = { items: readonly T[]; more: boolean };

/** At most `limit` of `limit` + 1 found items. */
export function upTo<T>(found: readonly T[], limit: number): Found<T> {
  return { items: found.slice(0, limit), more: found.length > limit };
}

/**
 * Answers with a page of what was found, as much as fits; `cursorOf` tells what an item is called in the cursor of the page
 * after it. The items are written in turns with all else.
 */
export async function sendPage<T>(
  turns: Turns,
  reply: FastifyReply,
  { items, more }: Found<T>,
  view: (item: T) => unknown,
  cursorOf: (item: T) => string,
): Promise<FastifyReply> {
  return sendTexts(turns, reply, { items, more }, (item) => writeAnswer(view(item)), cursorOf);
}

/** The same for items whose JSON text is known; null ends the page before the item. */
export async function sendTexts<T>(
  turns: Turns,
  reply: FastifyReply,
  { items, more }: Found<T>,
  textOf: (item: T) => string | null,
  cursorOf: (item: T) => string,
): Promise<FastifyReply> {
  const written: string[] = [];
  let bytes = 0;
  for (const item of items) {
    await turns.take();
    const text = textOf(item);
    if (text === null) break;
    bytes += Buffer.byteLength(text);
    if (written.length > 0 && bytes > largestPage) break;
    written.push(text);
  }
  const last = items[written.length - 1];
  const goesOn = last !== undefined && (more || written.length < items.length);
  const nextCursor = goesOn ? encodeCursor(cursorOf(last)) : null;
  if (nextCursor !== null) {
    const url = new URL(reply.request.url, 'http://localhost');
    url.searchParams.set('cursor', nextCursor);
    reply.header('link', `<${url.pathname}${url.search}>; rel="next"`);
  }
  return reply
    .type('application/json; charset=utf-8')
    .send(`{"items":[${written.join(',')}],"nextCursor":${JSON.stringify(nextCursor)}}`);
}

export const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
