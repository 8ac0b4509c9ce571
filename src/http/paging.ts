/** Pages of a list: opaque cursors and the `Link` header. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidField } from './problems.ts';

/** What stands in the cursor of the page after the one that ends with `last`. */
export function encodeCursor(last: string): string {
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

/**
 * A page out of at most `limit` + 1 found items, `cursorOf` telling what its last item is called in a cursor; links to the
 * page after it.
 */
export function page<T, V>(
  request: FastifyRequest,
  reply: FastifyReply,
  found: readonly T[],
  limit: number,
  view: (item: T) => V,
  cursorOf: (item: T) => string,
): { items: V[]; nextCursor: string | null } {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const nextCursor = found.length > limit && last !== undefined ? encodeCursor(cursorOf(last)) : null;
  if (nextCursor !== null) {
    const url = new URL(request.url, 'http://localhost');
    url.searchParams.set('cursor', nextCursor);
    reply.header('link', `<${url.pathname}${url.search}>; rel="next"`);
  }
  return { items: items.map(view), nextCursor };
}

export const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
