/**
 * Misses that a change of a task records, and their correction. A claim that began before the change may still insert a
 * run of an occurrence that was recorded as missed.
 *
 *   recorded (unconfirmed) ── the claims under way are over ──> resolveMiss ──> confirmed, corrected where it was wrong
 *            └── the replica died, or gave up waiting ──> correctUnconfirmed ──────┘
 */

import { instantOfRunId, leastRunId } from '../../domain/schedule/occurrence.ts';
import type { Revision } from '../../domain/task/change.ts';
import type { Unaccounted } from '../../domain/task/cut.ts';
import type { events, unconfirmedMisses } from '../events/schema.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { runs } from '../schema.ts';
import type { Task } from '../tasks/row.ts';

export type Stretch = { from: number; to: number; count: number };

/** A miss that was recorded, to be looked at again. `before` is the task as it was. */
export type RecordedMiss = {
  eventId: string;
  before: Task;
  open: Unaccounted;
  miss: Stretch;
};

/** The instants in (after, upTo] of which the task has a run. */
export async function ranIn(db: Queryable, uid: number, after: number, upTo: number): Promise<number[]> {
  const { rows } = await db.query<Row<typeof runs, 'id'>>({
    name: 'ran-in',
    text: `
      select id from runs where task_uid = $1 and id >= $2 and id < $3 and trigger in ('schedule', 'catch_up')`,
    values: [uid, leastRunId(after + 1), leastRunId(upTo + 1)],
  });
  return rows.map(({ id }) => instantOfRunId(id));
}

/** Writes down that a change misses occurrences. The miss is unconfirmed until `resolveMiss`. */
export async function recordCut(
  db: Queryable,
  before: Task,
  open: Unaccounted,
  miss: Stretch,
  { reason, policy }: Pick<Revision, 'reason' | 'policy'>,
  at: number,
): Promise<RecordedMiss> {
  const { rows } = await db.query<Row<typeof events, 'id'>>({
    name: 'record-cut',
    text: `
      with noted as (
        insert into events (namespace, task_uid, type, at, actor, data)
        values ($4, $1, 'missed', $3, 'scheduler', $2::jsonb) returning id
      )
      insert into unconfirmed_misses (event_id, ran) select id, $5 from noted returning event_id as id`,
    values: [
      before.uid,
      JSON.stringify({ ...shownStretch(miss), policy, reason }),
      new Date(at).toISOString(),
      before.namespace,
      open.ran.filter((instant) => instant >= miss.from && instant <= miss.to).length,
    ],
  });
  const { id } = rows[0] as (typeof rows)[number];
  return { eventId: id, before, open, miss };
}

const shownStretch = ({ from, to, count }: Stretch) => ({
  from: new Date(from).toISOString(),
  to: new Date(to).toISOString(),
  count,
});

/**
 * Corrects a recorded miss by the runs that were made meanwhile; to be called once no claim is under way that began
 * before the change. `left` computes the rest of the miss.
 */
export async function resolveMiss(
  db: Queryable,
  { eventId, before, open, miss }: RecordedMiss,
  left: (open: Unaccounted) => Promise<Stretch | null>,
): Promise<void> {
  const ran = await ranIn(db, before.uid, miss.from - 1, miss.to);
  const still = await left({ ...open, ran });
  if (still?.count !== miss.count) await writeCorrection(db, eventId, still && shownStretch(still));
  await db.query({
    name: 'confirm-miss',
    text: 'delete from unconfirmed_misses where event_id = $1',
    values: [eventId],
  });
}

/** Whether a change before `before` (epoch milliseconds) left a miss unconfirmed. */
export async function areUnconfirmed(db: Queryable, before: number): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>({
    name: 'are-unconfirmed',
    text: `select exists (${unconfirmed}) as found`,
    values: [new Date(before).toISOString()],
  });
  return rows[0]?.found === true;
}

/** With their events; the history of a task may have been deleted meanwhile. */
const unconfirmed = `
  select m.event_id, e.task_uid, e.data from unconfirmed_misses m left join events e on e.id = m.event_id
  where e.id is null or e.at < $1`;

/**
 * Corrects the misses that nobody confirmed: the replica that changed the task died, or gave up waiting for the claims
 * under way. A miss loses as many occurrences as have got a run since. Its first and last instant stay, because the
 * definition that they were computed from may be gone.
 *
 * To be called once no claim is under way that began before `before` (epoch milliseconds). Looks at changes before then.
 * Returns how many misses were wrong.
 */
export function correctUnconfirmed(database: Database, before: number): Promise<number> {
  return inTransaction(database, async (db) => {
    const { rows } = await db.query<Unconfirmed>({
      name: 'unconfirmed-misses',
      text: `
        with old as (${unconfirmed} for update of m skip locked)
        delete from unconfirmed_misses m using old where m.event_id = old.event_id
        returning m.event_id, m.ran, old.task_uid, old.data`,
      values: [new Date(before).toISOString()],
    });
    let wrong = 0;
    for (const { event_id: eventId, ran, task_uid: uid, data } of rows) {
      if (uid === null || data === null) continue;
      const since = (await ranIn(db, Number(uid), Date.parse(data.from) - 1, Date.parse(data.to))).length - ran;
      if (since <= 0) continue;
      wrong += 1;
      await writeCorrection(db, eventId, since < data.count ? { count: data.count - since } : null);
    }
    return wrong;
  });
}

type ShownStretch = ReturnType<typeof shownStretch>;
type Unconfirmed = Row<typeof unconfirmedMisses> & {
  task_uid: Row<typeof events, 'task_uid'>['task_uid'] | null;
  data: ShownStretch | null;
};

/** Writes the rest of a miss into its event, or deletes the event where nothing is left. */
async function writeCorrection(db: Queryable, eventId: string | number, rest: Partial<ShownStretch> | null) {
  const values = [eventId, rest && JSON.stringify(rest)];
  await db.query({
    name: 'correct-miss',
    text: `
      with gone as (delete from events where id = $1 and $2::jsonb is null)
      update events set data = data || $2::jsonb where id = $1 and $2::jsonb is not null`,
    values,
  });
  // A transaction that made a delivery of the event held the event until its commit (see `deliverEvents`).
  await db.query({
    name: 'correct-delivery',
    text: `
      with gone as (delete from deliveries where event_id = $1 and $2::jsonb is null)
      update deliveries set data = data || $2::jsonb where event_id = $1 and $2::jsonb is not null`,
    values,
  });
}
