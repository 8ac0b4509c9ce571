/** The audit in Postgres: writes entries, in the transaction or the statement of the change that they tell about. */

import type { AuditType } from '../../domain/audit/types.ts';
import type { Author } from '../events/events.ts';
import type { Queryable } from '../postgres/database.ts';

/** What somebody did, or was refused. */
export type AuditEntry = {
  /** `*` for what belongs to no namespace. */
  namespace: string;
  type: AuditType;
  /** The kind and the name of the object: `task:nightly-report`, `key:ci`; null where there is none. */
  subject: string | null;
  author: Author;
  /** What changed, as `{member: {from, to}}`, or more about it. It must hold no credentials. */
  data: Record<string, unknown> | null;
};

/** Writes an entry. `at` is in epoch milliseconds. */
export async function noteAudit(
  db: Queryable,
  { namespace, type, subject, author, data }: AuditEntry,
  at: number,
): Promise<void> {
  await db.query({
    name: 'note-audit',
    text: `
      insert into audit (namespace, at, type, subject, actor, via, address, request_id, data)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    values: [
      ...[namespace, new Date(at).toISOString(), type, subject, author.actor, author.via ?? 'system'],
      ...[author.address, author.requestId, data && JSON.stringify(data)],
    ],
  });
}

/**
 * Writes entries of refused attempts, each with its instant in epoch milliseconds. They belong to no namespace where
 * the one that was asked for is not there.
 */
export async function noteAttempts(
  db: Queryable,
  attempts: readonly { entry: AuditEntry; at: number }[],
): Promise<void> {
  const records = attempts.map(({ at, entry: { author, ...entry } }) => ({
    ...{ ...entry, actor: author.actor, via: author.via ?? 'system', address: author.address },
    ...{ request_id: author.requestId, at: new Date(at).toISOString() },
  }));
  await db.query({
    name: 'note-attempts',
    text: `
      insert into audit (namespace, at, type, subject, actor, via, address, request_id, data)
      select coalesce((select id from namespaces where id = x.namespace), '*'), at, type, subject, actor, via, address,
        request_id, data
      from jsonb_to_recordset($1::jsonb) as x(namespace text, at timestamptz, type text, subject text, actor text,
        via text, address text, request_id text, data jsonb)`,
    values: [JSON.stringify(records)],
  });
}

/** Deletes entries from before `before` (epoch milliseconds), the oldest first, at most `limit`. Gives back how many. */
export async function deleteOldAudit(db: Queryable, before: number, limit: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'delete-old-audit',
    text: `
      with old as (select at, id from audit where at < $1 order by at, id limit $2)
      delete from audit a using old where a.at = old.at and a.id = old.id`,
    values: [new Date(before).toISOString(), limit],
  });
  return rowCount ?? 0;
}
