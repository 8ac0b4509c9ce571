/** Takes waiting runs of several namespaces, in turns of these. */

import type { Queryable } from '../../postgres/database.ts';
import { violatedConstraint } from '../../postgres/failure.ts';
import { take, updateRuns } from '../transitions.ts';
import { isFree, limitsWait, type Taken, type TakenRow, takenColumns, takenRun, waitsIn } from './dispatch.ts';

/** The place of a namespace among others. */
export type Place = {
  /** Its virtual time: the least comes first. */
  at: number;
  /** How much a run moves that on. */
  step: number;
  /** How many of its runs may start. */
  room: number;
};

export type TakenInTurns = Taken & {
  /** The namespaces of which runs wait, some of them perhaps not due yet, or with limits. */
  namespaces: string[];
  /** Whether another replica was taking some of the runs that were found. */
  missed: boolean;
};

/**
 * Like `takeWaiting`, in turns of the namespaces: the next run is of the one with the least virtual time, and the first
 * of it by effective due time. A namespace that `places` does not have is at the place of `others`.
 */
export async function takeInTurns(
  db: Queryable,
  owner: string,
  limit: number,
  now: number,
  places: ReadonlyMap<string, Place>,
  others: Place,
): Promise<TakenInTurns> {
  try {
    return await takePart(db, owner, limit, now, places, others, true);
  } catch (error) {
    // A claim took the overlap slot that a queued run was about to get. Queued runs are left out this time.
    if (violatedConstraint(error) !== 'runs_overlap_slot') throw error;
    return takePart(db, owner, limit, now, places, others, false);
  }
}

type Row = (TakenRow | { id: null }) & { limitsWait: boolean; namespaces: string[] | null; found: number };

async function takePart(
  db: Queryable,
  owner: string,
  limit: number,
  now: number,
  places: ReadonlyMap<string, Place>,
  others: Place,
  queued: boolean,
): Promise<TakenInTurns> {
  const known = [...places];
  const { rows } = await db.query<Row>({
    name: 'take-in-turns',
    text: `
      with recursive waiting as (
        (select ${waitsIn('true')} as namespace)
        union all
        select ${waitsIn('r.namespace > w.namespace')} from waiting w where w.namespace is not null
      ), placed as (
        select w.namespace, coalesce(p.at, $9::float8) as at, coalesce(p.step, $10::float8) as step,
          greatest(0, least($2::integer, coalesce(p.room, $11::integer))) as room
        from waiting w left join unnest($5::text[], $6::float8[], $7::float8[], $8::integer[])
          as p(namespace, at, step, room) on p.namespace = w.namespace
        where w.namespace is not null
      ), found as (
        select first.id from placed p cross join lateral (
          select r.id, r.effective_due_at, row_number() over (order by r.effective_due_at) - 1 as place from runs r
          where r.namespace = p.namespace and ${isFree('r', '$3', '$4')}
          order by r.effective_due_at limit p.room
        ) first
        order by p.at + first.place * p.step, first.effective_due_at limit $2
      ), free as (
        select r.id from runs r
        where r.id in (select id from found) and ${isFree('r', '$3', '$4')} for update skip locked
      ), taken as (
        ${updateRuns(take('$1', '$3'))}
        from free, tasks t
        where r.id = free.id and t.uid = r.task_uid
        returning ${takenColumns}
      )
      select told.*, taken.* from (
        select ${limitsWait} as "limitsWait", (select array_agg(namespace) from placed) as namespaces,
          (select count(*) from found)::integer as found
      ) told left join taken on true`,
    values: [
      owner,
      limit,
      new Date(now).toISOString(),
      queued,
      known.map(([namespace]) => namespace),
      known.map(([, { at }]) => at),
      known.map(([, { step }]) => step),
      known.map(([, { room }]) => Math.min(room, limit)),
      others.at,
      others.step,
      Math.min(others.room, limit),
    ],
  });
  const runs = rows.flatMap((row) => (row.id === null ? [] : [takenRun(row)]));
  const namespaces = rows[0]?.namespaces ?? [];
  return {
    ...{ runs, namespaces, isShared: namespaces.length > 1 },
    limitsWait: rows[0]?.limitsWait === true,
    missed: runs.length < (rows[0]?.found ?? 0),
  };
}
