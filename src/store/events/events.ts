/** The events of tasks, with their authors: reads them, and describes changes. */

import { isDeepStrictEqual } from 'node:util';
import { formatInstant } from '../../domain/input/instant.ts';
import type { TaskDefinition } from '../../domain/task/task.ts';
import type { Queryable } from '../postgres/database.ts';

/** The author of a change. */
export type Author = {
  actor: string;
  /** How the author signed in, and the network address of the request; null for Punctual itself. */
  via: string | null;
  address: string | null;
  requestId: string | null;
  /** The author's own name for the cause, where one was given. */
  source?: string | null;
};

/** A definition without its credentials. */
export type Redact = (definition: TaskDefinition) => TaskDefinition;

/** One entry of a task's log; `at` is an RFC 3339 instant. */
export type TaskEvent = {
  id: number;
  type: string;
  at: string;
  actor: string;
  requestId: string | null;
  changes: Record<string, unknown> | null;
};

/**
 * Newest first, of one type where that is given, those before the event `before`; at most `limit`, and no more than
 * `largest` bytes of changes, if it is more than one. Also whether more follow.
 */
export async function listEvents(
  db: Queryable,
  {
    uid,
    type,
    before,
    limit,
    largest,
  }: { uid: number; type: string | null; before: number | null; limit: number; largest: number },
): Promise<{ items: TaskEvent[]; more: boolean }> {
  const { rows } = await db.query<{
    id: string;
    type: string;
    at: Date;
    actor: string;
    request_id: string | null;
    changes: TaskEvent['changes'];
    found: number;
  }>({
    name: 'list-events',
    text: `
      with page as (
        select id, type, at, actor, request_id, data as changes from events
        where task_uid = $1 and run_id is null and ($2::bigint is null or id < $2) and ($4::text is null or type = $4)
        order by id desc limit $3
      ), measured as (
        select id, count(*) over () as found, row_number() over page as place,
          sum(coalesce(octet_length(changes::text), 0)) over page as bytes
        from page window page as (order by id desc)
      )
      select page.*, found::integer from page join measured using (id)
      where place < $3 and (place = 1 or bytes <= $5) order by id desc`,
    values: [uid, before, limit + 1, type, largest],
  });
  return {
    items: rows.map((row) => ({
      id: Number(row.id),
      type: row.type,
      at: formatInstant(row.at.getTime()),
      actor: row.actor,
      requestId: row.request_id,
      changes: row.changes,
    })),
    more: (rows[0]?.found ?? 0) > rows.length,
  };
}

/** Adds an event to a task's log that is no change of its definition. `at` is in epoch milliseconds. */
export async function noteEvent(
  db: Queryable,
  uid: number,
  type: string,
  { actor, via, address, requestId }: Author,
  changes: Record<string, unknown>,
  at: number,
): Promise<void> {
  await db.query({
    name: 'note-event',
    text: `
      insert into events (namespace, task_uid, type, at, actor, request_id, data, via, address)
      select namespace, uid, $2, $3, $4, $5, $6, $7, $8 from tasks where uid = $1`,
    values: [uid, type, new Date(at).toISOString(), actor, requestId, JSON.stringify(changes), via, address],
  });
}

/**
 * Types of events that come with every run or miss. All others record the author of a change, and stay as long as the
 * task.
 */
const passing = `('missed', 'triggered', 'backfilled', 'hook_failed', 'run_cancelled')`;

/**
 * Looks at `limit` events after the number `after` and deletes the passing ones from before `before` (epoch
 * milliseconds). Gives back where to go on; null at the end.
 */
export async function deleteOldEvents(
  db: Queryable,
  before: number,
  after: number,
  limit: number,
): Promise<number | null> {
  const { rows } = await db.query<{ last: string | null }>({
    name: 'delete-old-events',
    text: `
      with page as (select id, type, at from events where id > $2 order by id limit $3), gone as (
        delete from events e using page where e.id = page.id and page.at < $1 and page.type in ${passing}
      )
      select case when count(*) = $3 and max(at) < $1 then max(id) end as last from page`,
    values: [new Date(before).toISOString(), after, limit],
  });
  const last = rows[0]?.last;
  return last == null ? null : Number(last);
}

/** The members that differ, each as `{from, to}`. `redact` hides the credentials of a definition. */
export function describeChange(
  before: TaskDefinition,
  after: TaskDefinition,
  redact: Redact,
): Record<string, { from: unknown; to: unknown }> {
  const shown = { before: redact(before), after: redact(after) };
  const changes: Record<string, { from: unknown; to: unknown }> = {};
  for (const name of Object.keys(after) as (keyof TaskDefinition)[]) {
    if (!isDeepStrictEqual(before[name], after[name]))
      changes[name] = { from: shown.before[name], to: shown.after[name] };
  }
  return changes;
}
