/**
 * Letting runs with limits through: one replica at a time decides, by what is running and was begun in the database.
 */

import {
  admit,
  type Candidate,
  countByKey,
  type LimitKind,
  type LimitState,
  limitsOf,
  type Room,
  roomFor,
  startInstant,
} from '../../domain/limits/limits.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import { violatedConstraint } from '../postgres/failure.ts';
import { type TakenRow, type TakenRun, takenColumns, takenRun } from '../runs/dispatch.ts';
import { take, updateRuns } from '../runs/transitions.ts';

export type GatedTake = {
  /** Ours now, in the order of their effective due times. */
  runs: TakenRun[];
  /** For each of them, how long it was due, in milliseconds. */
  waitedMs: number[];
  /**
   * When to look again without being woken: at once (0) where more may start than were wanted, soon where another
   * replica was at it, the instant at which a rate lets the next through, or null: then only what ends or is put in
   * counts.
   */
  again: { afterMs: number } | { at: number } | null;
};

/** Any number that no other program takes advisory locks with. */
const gatesLock = 7_046_029_254;
/** The lock goes with the connection of a replica that froze while it had it; it is held for some milliseconds. */
const longestHoldMs = 2_000;
const busyMs = 10;
/** As many of the newest as any rate may ask about: `limit` is at most that. */
const startsKept = 1_000;

/**
 * Takes at most `limit` runs whose instant has come and whose limits let them through now, by effective due time, each
 * for its next attempt. Limits hold across replicas: whoever lets a run through has a lock that all of them need, and
 * counts after taking it. What is running is counted from the runs themselves, so that no crash can leave a place
 * taken. `now` is in epoch milliseconds.
 */
export async function takeGated(
  database: Database,
  owner: string,
  limit: number,
  now: () => number,
): Promise<GatedTake> {
  const gates = await waitingGates(database.pool, now());
  if (gates.length === 0) return { runs: [], waitedMs: [], again: null };
  const rooms = roomsOf(gates, await readState(database.pool, gates, now()));
  if (!rooms.some(({ room }) => room > 0))
    return { runs: [], waitedMs: [], again: earliest(rooms.map(({ opensAt }) => opensAt)) };
  const pass = (lines: boolean) =>
    inTransaction(database, (client) => letThrough(client, owner, gates, limit, now, lines));
  try {
    return await pass(true);
  } catch (error) {
    // A claim took the place that a run was about to move up to: let those in line be this time.
    if (violatedConstraint(error) !== 'runs_overlap_slot') throw error;
    return pass(false);
  }
}

async function letThrough(
  db: Queryable,
  owner: string,
  gates: readonly string[],
  limit: number,
  now: () => number,
  lines: boolean,
): Promise<GatedTake> {
  if (!(await lockGates(db))) return { runs: [], waitedMs: [], again: { afterMs: busyMs } };
  const at = now();
  const state = await readState(db, gates, at);
  const rooms = roomsOf(gates, state);
  const candidates = await readCandidates(db, rooms, limit, at, lines);
  const { starting, opensAt } = admit(candidates, state, limit);
  const rows = starting.length === 0 ? [] : await makeOurs(db, owner, starting, at);
  // As late as can be: what counts for a rate is when the target is called, shortly after the commit.
  await noteStarts(db, rows, { ...state, now: now() });
  const byId = new Map(rows.map((row) => [row.id, row]));
  const begun = starting.flatMap(({ id }) => byId.get(id) ?? []);
  return {
    runs: begun.map(takenRun),
    waitedMs: begun.map(({ due_at }) => Math.max(0, at - due_at.getTime())),
    again:
      begun.length < starting.length
        ? { afterMs: busyMs }
        : starting.length === limit
          ? { afterMs: 0 }
          : earliest([opensAt, ...rooms.map((room) => room.opensAt)]),
  };
}

type GateRoom = Room & { gate: string; keys: string[] };

function roomsOf(gates: readonly string[], state: LimitState): GateRoom[] {
  return gates.map((gate) => {
    const limits = limitsOf(gate);
    return { gate, keys: limits.map(({ key }) => key), ...roomFor(limits, state) };
  });
}

/** The first of the instants at which rates open. */
function earliest(instants: readonly (number | null)[]): { at: number } | null {
  const at = instants.reduce<number>((least, instant) => Math.min(least, instant ?? Infinity), Infinity);
  return at === Infinity ? null : { at };
}

const isWaiting = (r: string) => `${r}.gate is not null and ${r}.status in ('pending', 'retrying')`;

/** A run's effective due time is never later than its instant: it narrows what is looked at down in the index. */
const isDue = (r: string, now: string) =>
  `${r}.effective_due_at <= ${now} and ${r}.due_at <= ${now} and ${r}.check_due is null`;

/** The gates at which runs may be due: one probe of the index for each gate, for one alone may have many runs. */
async function waitingGates(db: Queryable, now: number): Promise<string[]> {
  const { rows } = await db.query<{ gate: string }>({
    name: 'gates-waiting',
    text: `
      with recursive waiting as (
        (select r.gate, r.effective_due_at from runs r where ${isWaiting('r')} order by r.gate, r.effective_due_at limit 1)
        union all
        select next.gate, next.effective_due_at from waiting w cross join lateral (
          select r.gate, r.effective_due_at from runs r where ${isWaiting('r')} and r.gate > w.gate order by r.gate, r.effective_due_at limit 1
        ) next
      )
      select gate from waiting where effective_due_at <= $1`,
    values: [new Date(now).toISOString()],
  });
  return rows.map(({ gate }) => gate);
}

/** What counts for the limits of these gates. */
async function readState(db: Queryable, gates: readonly string[], now: number): Promise<LimitState> {
  const asked = new Map<string, number>();
  for (const { kind, key, limit } of gates.flatMap(limitsOf))
    if (kind === 'rate') asked.set(key, Math.max(asked.get(key) ?? 0, limit));
  const { rows } = await db.query<{ running: Record<string, number> | null; starts: Record<string, number[]> | null }>({
    name: 'gates-state',
    text: `
      select (
        select jsonb_object_agg(gate, runs) from (
          select r.gate, count(*)::integer as runs from runs r where r.gate is not null and r.status = 'running' group by r.gate
        ) counted
      ) as running, (
        select jsonb_object_agg(g.key, to_jsonb(g.starts[greatest(cardinality(g.starts) - a.most + 1, 1):]))
        from unnest($1::text[], $2::integer[]) as a(key, most) join gates g using (key)
      ) as starts`,
    values: [[...asked.keys()], [...asked.values()]],
  });
  return {
    now,
    running: countByKey(Object.entries(rows[0]?.running ?? {})),
    starts: new Map(Object.entries(rows[0]?.starts ?? {})),
  };
}

/**
 * Whether this transaction is the one that lets runs through, until it ends. Does not wait for another. From then on
 * the planner sorts nothing that an index gives in order: it would read all that wait for each gate, where it believes
 * from older statistics that there is one gate only.
 */
async function lockGates(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ locked: boolean }>({
    name: 'gates-lock',
    text: `
      select pg_try_advisory_xact_lock(${gatesLock}) as locked,
        set_config('idle_in_transaction_session_timeout', '${longestHoldMs}', true), set_config('enable_sort', 'off', true)`,
  });
  return rows[0]?.locked === true;
}

/**
 * The runs that may start, by effective due time: of each gate as many as it has room for, and one more, behind which
 * others may have to wait; of a gate without room its first alone, and only where a gate with room has a key in common.
 */
async function readCandidates(
  db: Queryable,
  rooms: readonly GateRoom[],
  limit: number,
  now: number,
  lines: boolean,
): Promise<Candidate[]> {
  const open = new Set(rooms.flatMap(({ room, keys }) => (room > 0 ? keys : [])));
  const asked = rooms.filter(({ keys }) => keys.some((key) => open.has(key)));
  if (asked.length === 0) return [];
  const { rows } = await db.query<{ id: string; gate: string; effective_due_at: Date }>({
    name: 'gates-candidates',
    text: `
      with recursive lined as (
        (select r.task_uid from runs r where $4 and r.overlap_slot > 0 order by r.task_uid limit 1)
        union all
        select (select r.task_uid from runs r where r.overlap_slot > 0 and r.task_uid > l.task_uid order by r.task_uid limit 1)
        from lined l where l.task_uid is not null
      )
      select first.id, first.gate, first.effective_due_at
      from unnest($1::text[], $2::integer[]) as g(gate, most) cross join lateral (
        select r.id, r.gate, r.effective_due_at from runs r
        where r.gate = g.gate and ${isWaiting('r')} and ${isDue('r', '$3')} and coalesce(r.overlap_slot, 0) = 0
        order by r.effective_due_at limit g.most
      ) first
      union all
      -- Of each line of runs that wait behind others of their task only the first, once nothing occupies the task.
      select next.id, next.gate, next.effective_due_at
      from lined l cross join lateral (
        select * from runs r where r.task_uid = l.task_uid and r.overlap_slot > 0 order by r.effective_due_at, r.id limit 1
      ) next
      where next.gate = any($1) and ${isWaiting('next')} and ${isDue('next', '$3')}
        and not exists (select from runs head where head.task_uid = l.task_uid and head.overlap_slot = 0)`,
    values: [
      asked.map(({ gate }) => gate),
      asked.map(({ room }) => Math.min(room, limit) + 1),
      new Date(now).toISOString(),
      lines,
    ],
  });
  return rows.sort((a, b) => a.effective_due_at.getTime() - b.effective_due_at.getTime() || (a.id < b.id ? -1 : 1));
}

type BegunRow = TakenRow & { gate: string; due_at: Date };

/** Makes the runs ours. What somebody changes at the moment, or has changed since it was looked at, is left out. */
async function makeOurs(
  db: Queryable,
  owner: string,
  starting: readonly Candidate[],
  now: number,
): Promise<BegunRow[]> {
  const { rows } = await db.query<BegunRow>({
    name: 'gates-take',
    text: `
      with free as (
        select r.id from unnest($2::uuid[], $3::text[]) as c(id, gate) join runs r on r.id = c.id and r.gate = c.gate
        where r.status::text in ('pending', 'retrying') and r.due_at <= $4 and r.check_due is null
        for update of r skip locked
      )
      ${updateRuns(take('$1', '$4'))}
      from free, tasks t
      where r.id = free.id and t.uid = r.task_uid
      returning ${takenColumns}, r.gate, r.due_at`,
    values: [owner, starting.map(({ id }) => id), starting.map(({ gate }) => gate), new Date(now).toISOString()],
  });
  return rows;
}

/** Notes the starts that count for rates. */
async function noteStarts(db: Queryable, begun: readonly BegunRow[], { now, starts }: LimitState): Promise<void> {
  const counts = new Map<string, number>();
  for (const { kind, key } of begun.flatMap(({ gate }) => limitsOf(gate)))
    if (kind === 'rate') counts.set(key, (counts.get(key) ?? 0) + 1);
  if (counts.size === 0) return;
  const keys = [...counts.keys()];
  await db.query({
    name: 'gates-note',
    text: `
      insert into gates (key, starts, used_at)
      select n.key, array_fill(n.at, array[n.count]), $4 from unnest($1::text[], $2::integer[], $3::bigint[]) as n(key, count, at)
      on conflict (key) do update set used_at = excluded.used_at, starts = (gates.starts || excluded.starts)[
        greatest(cardinality(gates.starts) + cardinality(excluded.starts) - ${startsKept} + 1, 1):]`,
    values: [
      keys,
      [...counts.values()],
      keys.map((key) => startInstant(starts.get(key) ?? [], now)),
      new Date(now).toISOString(),
    ],
  });
}

/** How many due runs with limits wait, by the kind of limit that holds them up, or for a slot where none does. */
export async function countGated(db: Queryable, now: number): Promise<Record<LimitKind | 'slot', number>> {
  const { rows } = await db.query<{ gate: string; runs: number }>({
    name: 'gates-count',
    text: `
      select r.gate, count(*)::integer as runs from runs r where ${isWaiting('r')} and ${isDue('r', '$1')} group by r.gate`,
    values: [new Date(now).toISOString()],
  });
  const counts = { task: 0, rate: 0, concurrency: 0, slot: 0 };
  const gates = rows.map(({ gate }) => gate);
  const rooms = gates.length === 0 ? [] : roomsOf(gates, await readState(db, gates, now));
  for (const [place, { heldAt }] of rooms.entries()) counts[heldAt?.kind ?? 'slot'] += rows[place]?.runs ?? 0;
  return counts;
}

/** Forgets the starts of rates that nothing was begun for since `before` (epoch milliseconds). */
export async function forgetGates(db: Queryable, before: number): Promise<void> {
  await db.query('delete from gates where used_at < $1', [new Date(before).toISOString()]);
}
