/** Remembers the answer to the first request with an `Idempotency-Key`, in the transaction that did its work. */

import { createHash } from 'node:crypto';
import { writeExactJson } from '../../domain/input/exact-json.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { idempotencyKeys } from '../schema.ts';

/** One keyed request. `scope` names the caller and the operation, `body` is the request's body. */
export type KeyedRequest = { namespace: string; scope: string; key: string; body: unknown };

/**
 * The answer of the work, or of the first request with that key; `mismatch` when the first request had another body.
 */
export type KeyedAnswer<T> = { kind: 'done' | 'replayed'; answer: T } | { kind: 'mismatch' };

const isRow = 'namespace = $1 and scope = $2 and key = $3';

/**
 * Runs `work` once per key: a second request, even at the same moment, waits and gets the first answer. Work that
 * answers `null` (nothing was made) is not remembered.
 */
export async function oncePerKey<T>(
  database: Database,
  request: KeyedRequest,
  now: number,
  work: (db: Queryable) => Promise<{ answer: T; remember: boolean }>,
): Promise<KeyedAnswer<T>> {
  const hash = createHash('sha256')
    .update(writeExactJson(request.body ?? null))
    .digest('hex');
  const row = [request.namespace, request.scope, request.key];
  return inTransaction(database, async (client) => {
    const { rowCount } = await client.query(
      `insert into idempotency_keys (namespace, scope, key, request_hash, answer, created_at)
       values ($1, $2, $3, $4, 'null', $5) on conflict do nothing`,
      [...row, hash, new Date(now).toISOString()],
    );
    if (rowCount === 0) {
      const { rows } = await client.query<Row<typeof idempotencyKeys, 'request_hash'> & { answer: T }>(
        `select request_hash, answer from idempotency_keys where ${isRow}`,
        row,
      );
      const first = rows[0];
      if (first?.request_hash !== hash) return { kind: 'mismatch' };
      return { kind: 'replayed', answer: first.answer };
    }
    const { answer, remember } = await work(client);
    if (remember)
      await client.query(`update idempotency_keys set answer = $4 where ${isRow}`, [...row, JSON.stringify(answer)]);
    else await client.query(`delete from idempotency_keys where ${isRow}`, row);
    return { kind: 'done', answer };
  });
}

/** Forgets the keys used before `before` (epoch milliseconds). */
export async function forgetKeys(db: Queryable, before: number): Promise<void> {
  await db.query('delete from idempotency_keys where created_at < $1', [new Date(before).toISOString()]);
}
