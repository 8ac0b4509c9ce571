/**
 * Lets runs with limits start: one replica at a time decides, from the running runs and the starts in the database.
 *     waiting run ──── decision under the lock ────▶ running ────▶ over, or waiting for its next attempt
 *     limit_group      counted by limit_group;       (counted no longer)
 *                      limit_keys: a row for each key of the group
 *                      limits: the start of a rate
 */

import {
  admit,
  type Candidate,
  type Limit,
  type LimitState,
  nameOf,
  startInstant,
} from '../../domain/limits/limits.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import { violatedConstraint } from '../postgres/failure.ts';
import { type TakenRow, type TakenRun, takenColumns, takenRun } from '../runs/claiming/dispatch.ts';
import { take, updateRuns } from '../runs/transitions.ts';
import {
  type GroupRoom,
  isDue,
  type LimitGroup,
  limitsLock,
  longestHoldMs,
  readState,
  renewGroups,
  roomsOf,
  waitingGroups,
  waitsForLimits,
} from './state.ts';

export type LimitedTake = {
  /** In the order of their effective due times. */
  runs: TakenRun[];
  /** For each of them, how long it was due, in milliseconds. */
  waitedMs: number[];
  /**
   * When to look again without being woken: at once (0) where more runs may start than were wanted, soon where another
   * replica was deciding, or when a rate lets the next run start. Null where only the end of a run or a new one matters.
   */
  again: { afterMs: number } | { at: number } | null;
};

/** Puts candidates, which are given by effective due time, into the order in which they are decided about. */
export type InOrder = <T>(candidates: readonly T[], namespaceOf: (candidate: T) => string) => readonly T[];

const busyMs = 10;
/** How many of the newest starts are kept: the largest `limit` of a rate. */
const startsKept = 1_000;

/**
 * Takes at most `limit` runs whose instant has come and whose limits let them start now, by effective due time, each
 * for its next attempt. Limits hold across replicas: a replica takes one lock before it counts and decides. A key is
 * held by a running run only, so that no crash can leave it taken. `now` is in epoch milliseconds.
 */
export async function takeLimited(
  database: Database,
  owner: string,
  limit: number,
  now: () => number,
  order: InOrder = (candidates) => candidates,
): Promise<LimitedTake> {
  const { groups, outdated } = await waitingGroups(database.pool, now());
  if (outdated.length > 0) await renewGroups(database.pool, outdated);
  const taken = await takeOf(database, groups, { owner, limit, now, order });
  // Runs that are in another group now are looked at with the next pass.
  return outdated.length > 0 ? { ...taken, again: { afterMs: 0 } } : taken;
}

type Taking = { owner: string; limit: number; now: () => number; order: InOrder };

async function takeOf(database: Database, groups: readonly LimitGroup[], taking: Taking): Promise<LimitedTake> {
  if (groups.length === 0) return { runs: [], waitedMs: [], again: null };
  const rooms = roomsOf(groups, await readState(database.pool, groups, taking.now()));
  if (!rooms.some(({ room }) => room > 0))
    return { runs: [], waitedMs: [], again: earliest(rooms.map(({ opensAt }) => opensAt)) };
  const pass = (lines: boolean) => inTransaction(database, (client) => decide(client, groups, taking, lines));
  try {
    return await pass(true);
  } catch (error) {
    // A claim took the overlap slot that a queued run was about to get. Queued runs are left out this time.
    if (violatedConstraint(error) !== 'runs_overlap_slot') throw error;
    return pass(false);
  }
}

async function decide(
  db: Queryable,
  groups: readonly LimitGroup[],
  { owner, limit, now, order }: Taking,
  lines: boolean,
): Promise<LimitedTake> {
  if (!(await lockLimits(db))) return { runs: [], waitedMs: [], again: { afterMs: busyMs } };
  const at = now();
  const state = await readState(db, groups, at);
  const rooms = roomsOf(groups, state);
  const candidates = order(await readCandidates(db, rooms, limit, at, lines), namespaceOf);
  const { starting, opensAt } = admit(candidates, state, limit);
  const rows = starting.length === 0 ? [] : await makeOurs(db, owner, starting, at);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const begun = starting.flatMap(({ id, limits }) => {
    const row = byId.get(id);
    return row ? [{ row, limits }] : [];
  });
  // Read as late as possible: a rate counts the instant of the call, which follows shortly after the commit.
  await noteStarts(
    db,
    begun.flatMap(({ limits }) => limits),
    { ...state, now: now() },
  );
  return {
    runs: begun.map(({ row }) => takenRun(row)),
    waitedMs: begun.map(({ row }) => Math.max(0, at - row.due_at.getTime())),
    again:
      begun.length < starting.length
        ? { afterMs: busyMs }
        : starting.length === limit
          ? { afterMs: 0 }
          : earliest([opensAt, ...rooms.map((room) => room.opensAt)]),
  };
}

/** The first of the instants at which rates open. */
function earliest(instants: readonly (number | null)[]): { at: number } | null {
  const at = instants.reduce<number>((least, instant) => Math.min(least, instant ?? Infinity), Infinity);
  return at === Infinity ? null : { at };
}

/**
 * Takes the lock for this transaction, without waiting; false where another has it. Also forbids the planner to sort:
 * with old statistics it may believe that there is one group only, and would then read all waiting runs of each group
 * instead of using the order of the index.
 */
async function lockLimits(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ locked: boolean }>({
    name: 'limits-lock',
    text: `
      select pg_try_advisory_xact_lock(${limitsLock}) as locked,
        set_config('idle_in_transaction_session_timeout', '${longestHoldMs}', true), set_config('enable_sort', 'off', true)`,
  });
  return rows[0]?.locked === true;
}

type GroupCandidate = Candidate & { group: string };

/** All limits of a run are of its namespace. */
const namespaceOf = ({ limits }: GroupCandidate) => limits[0]?.namespace ?? '';

/**
 * The runs that may start, by effective due time: of each group as many as it has room for, and one more, behind which
 * others may have to wait; of a group without room its first alone, and only where a group with room has a key in
 * common.
 */
async function readCandidates(
  db: Queryable,
  rooms: readonly GroupRoom[],
  limit: number,
  now: number,
  lines: boolean,
): Promise<GroupCandidate[]> {
  const open = new Set(rooms.flatMap(({ room, limits }) => (room > 0 ? limits.map(nameOf) : [])));
  const asked = new Map(
    rooms
      .filter(({ room, limits }) => room > 0 || limits.some((each) => open.has(nameOf(each))))
      .map((room) => [room.id, room]),
  );
  if (asked.size === 0) return [];
  const { rows } = await db.query<{ id: string; limit_group: string; effective_due_at: Date }>({
    name: 'limits-candidates',
    text: `
      with recursive lined as (
        (select r.task_uid from runs r where $4 and r.overlap_slot > 0 order by r.task_uid limit 1)
        union all
        select (select r.task_uid from runs r where r.overlap_slot > 0 and r.task_uid > l.task_uid order by r.task_uid limit 1)
        from lined l where l.task_uid is not null
      )
      select first.id, first.limit_group, first.effective_due_at
      from unnest($1::uuid[], $2::integer[]) as g(id, most) cross join lateral (
        select r.id, r.limit_group, r.effective_due_at from runs r
        where r.limit_group = g.id and ${waitsForLimits('r')} and ${isDue('r', '$3')} and coalesce(r.overlap_slot, 0) = 0
        order by r.effective_due_at limit g.most
      ) first
      union all
      -- Of each line of runs that wait behind others of their task only the first, once nothing occupies the task.
      select next.id, next.limit_group, next.effective_due_at
      from lined l cross join lateral (
        select * from runs r where r.task_uid = l.task_uid and r.overlap_slot > 0 order by r.effective_due_at, r.id limit 1
      ) next
      where next.limit_group = any($1) and ${waitsForLimits('next')} and ${isDue('next', '$3')}
        and not exists (select from runs head where head.task_uid = l.task_uid and head.overlap_slot = 0)`,
    values: [
      [...asked.keys()],
      [...asked.values()].map(({ room }) => Math.min(room, limit) + 1),
      new Date(now).toISOString(),
      lines,
    ],
  });
  return rows
    .sort((a, b) => a.effective_due_at.getTime() - b.effective_due_at.getTime() || (a.id < b.id ? -1 : 1))
    .map(({ id, limit_group }) => ({ id, group: limit_group, limits: asked.get(limit_group)?.limits ?? [] }));
}

type BegunRow = TakenRow & { due_at: Date };

/**
 * Takes the runs for this replica, and writes the keys of their groups where they are not stored yet. A run that
 * another transaction is changing, or has changed since it was read, is left out.
 */
async function makeOurs(
  db: Queryable,
  owner: string,
  starting: readonly GroupCandidate[],
  now: number,
): Promise<BegunRow[]> {
  const groups = new Map(starting.map(({ group, limits }) => [group, limits]));
  const keys = [...groups].flatMap(([group, limits]) =>
    limits.filter(({ kind }) => kind !== 'rate').map(({ namespace, key }) => ({ group, namespace, key })),
  );
  const { rows } = await db.query<BegunRow>({
    name: 'limits-take',
    text: `
      with free as (
        select r.id from unnest($2::uuid[], $3::uuid[]) as c(id, limit_group)
          join runs r on r.id = c.id and r.limit_group = c.limit_group
        where r.status::text in ('pending', 'retrying') and r.due_at <= $4 and r.check_due is null
        for update of r skip locked
      ), taken as (
        ${updateRuns(take('$1', '$4'))}
        from free, tasks t
        where r.id = free.id and t.uid = r.task_uid
        returning ${takenColumns}, r.due_at
      ), keys as (
        insert into limit_keys (limit_group, namespace, key)
        select * from unnest($5::uuid[], $6::text[], $7::text[]) as g(limit_group, namespace, key)
        where not exists (select from limit_keys k
          where k.limit_group = g.limit_group and k.namespace = g.namespace and k.key = g.key)
      )
      select * from taken`,
    values: [
      owner,
      starting.map(({ id }) => id),
      starting.map(({ group }) => group),
      new Date(now).toISOString(),
      keys.map(({ group }) => group),
      keys.map(({ namespace }) => namespace),
      keys.map(({ key }) => key),
    ],
  });
  return rows;
}

/** Notes the starts that count for rates: one for each rate among the limits of the runs that were begun. */
async function noteStarts(db: Queryable, begun: readonly Limit[], { now, starts }: LimitState): Promise<void> {
  const counts = new Map<string, { rate: Limit; count: number }>();
  for (const rate of begun)
    if (rate.kind === 'rate') counts.set(nameOf(rate), { rate, count: (counts.get(nameOf(rate))?.count ?? 0) + 1 });
  if (counts.size === 0) return;
  const noted = [...counts.values()];
  await db.query({
    name: 'limits-note',
    text: `
      insert into limits (namespace, key, starts, used_at)
      select n.namespace, n.key, array_fill(n.at, array[n.count]), $5
      from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[]) as n(namespace, key, count, at)
      on conflict (namespace, key) do update set used_at = excluded.used_at, starts = (limits.starts || excluded.starts)[
        greatest(cardinality(limits.starts) + cardinality(excluded.starts) - ${startsKept} + 1, 1):]`,
    values: [
      noted.map(({ rate }) => rate.namespace),
      noted.map(({ rate }) => rate.key),
      noted.map(({ count }) => count),
      noted.map(({ rate }) => startInstant(starts.get(nameOf(rate)) ?? [], now)),
      new Date(now).toISOString(),
    ],
  });
}
