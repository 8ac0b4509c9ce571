/** The state of limits: which groups of runs wait, which runs are running, and which attempts were started. */

import {
  type Limit,
  type LimitPolicies,
  type LimitState,
  limitsOf,
  nameOf,
  type Room,
  roomFor,
} from '../../domain/limits/limits.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import { runGroup } from '../runs/run-group.ts';
import { updateRuns } from '../runs/transitions.ts';

/** The advisory lock of decisions on limits: a number that no other program is likely to use. */
export const limitsLock = 7_046_029_254;

/** Postgres ends the transaction of a holder of the lock that is silent for so many milliseconds, such as a frozen one. */
export const longestHoldMs = 2_000;

/** A group of waiting runs, and the limits that all of them have. */
export type LimitGroup = { id: string; limits: Limit[] };

/** Whether the run `r` waits for its limits, in the words of the index `runs_limits`. */
export const waitsForLimits = (r: string) => `${r}.limit_group is not null and ${r}.status in ('pending', 'retrying')`;

/** A run's effective due time is never later than its instant, so this condition narrows the range of the index. */
export const isDue = (r: string, now: string) =>
  `${r}.effective_due_at <= ${now} and ${r}.due_at <= ${now} and ${r}.check_due is null`;

const firstOfGroup = (condition: string) => `
  select r.limit_group, r.effective_due_at, r.task_uid from runs r
  where ${waitsForLimits('r')} and ${condition} order by r.limit_group, r.effective_due_at limit 1`;

/** The part of a task and its namespace that makes the limits of its runs. */
export type LimitRow = { uid: string; namespace: string; policies: LimitPolicies | null; quota: number | null };

/** The select list that makes a `LimitRow` of a task `t` and its namespace `n`, which `joinQuota` adds. */
export const limitColumns = `t.uid, t.namespace,
  jsonb_build_object('maxConcurrency', t.policies -> 'maxConcurrency', 'rate', t.policies -> 'rate',
    'concurrency', t.policies -> 'concurrency') as policies,
  (n.quotas ->> 'concurrentRuns')::integer as quota`;
export const joinQuota = 'left join namespaces n on n.id = t.namespace and t.in_quota';

/** The limits of a task's runs. */
export function limitsOfRow({ uid, namespace, policies, quota }: LimitRow): Limit[] {
  return limitsOf({ namespace, uid: Number(uid) }, policies ?? {}, quota);
}

/**
 * The groups of which runs may be due at `now` (epoch milliseconds), with the limits of the task of the first run: one
 * probe of the index for each group, for one alone may have many runs. `outdated` are groups whose first run was put in
 * while the limits of its task were being changed.
 */
export async function waitingGroups(db: Queryable, now: number): Promise<{ groups: LimitGroup[]; outdated: string[] }> {
  const { rows } = await db.query<LimitRow & { id: string; isCurrent: boolean }>({
    name: 'limits-waiting',
    text: `
      with recursive waiting as (
        (${firstOfGroup('true')})
        union all
        select next.* from waiting w cross join lateral (${firstOfGroup('r.limit_group > w.limit_group')}) next
      )
      select w.limit_group as id, w.limit_group is not distinct from ${runGroup('t')} as "isCurrent", ${limitColumns}
      from waiting w join tasks t on t.uid = w.task_uid ${joinQuota}
      where w.effective_due_at <= $1`,
    values: [new Date(now).toISOString()],
  });
  return {
    groups: rows.filter(({ isCurrent }) => isCurrent).map((row) => ({ id: row.id, limits: limitsOfRow(row) })),
    outdated: rows.filter(({ isCurrent }) => !isCurrent).map(({ id }) => id),
  };
}

/** Moves waiting runs of these groups to the group that their task has now, or to the runs without limits. */
export async function renewGroups(db: Queryable, groups: readonly string[]): Promise<void> {
  await db.query({
    name: 'limits-renew',
    text: `
      ${updateRuns({ limit_group: runGroup('t') })} from tasks t
      where r.limit_group = any($1::uuid[]) and r.status in ('pending', 'retrying')
        and t.uid = r.task_uid and ${runGroup('t')} is distinct from r.limit_group`,
    values: [groups],
  });
}

type KeyRow = { namespace: string; key: string };
type StateRow = {
  running: (KeyRow & { runs: number })[] | null;
  starts: (KeyRow & { starts: number[] })[] | null;
};

/** The running runs and the starts that count for the limits of these groups at `now` (epoch milliseconds). */
export async function readState(db: Queryable, groups: readonly LimitGroup[], now: number): Promise<LimitState> {
  const asked = new Map<string, Limit>();
  for (const limit of groups.flatMap(({ limits }) => limits))
    if (limit.kind === 'rate' && (asked.get(nameOf(limit))?.limit ?? 0) < limit.limit) asked.set(nameOf(limit), limit);
  const rates = [...asked.values()];
  const { rows } = await db.query<StateRow>({
    name: 'limits-state',
    text: `
      select (
        select json_agg(counted) from (
          select k.namespace, k.key, sum(g.runs)::integer as runs
          from (
            select r.limit_group, count(*) as runs from runs r
            where r.limit_group is not null and r.status = 'running' group by r.limit_group
          ) g join limit_keys k on k.limit_group = g.limit_group
          group by k.namespace, k.key
        ) counted
      ) as running, (
        select json_agg(json_build_object('namespace', l.namespace, 'key', l.key,
          'starts', l.starts[greatest(cardinality(l.starts) - a.most + 1, 1):]))
        from unnest($1::text[], $2::text[], $3::integer[]) as a(namespace, key, most)
          join limits l on l.namespace = a.namespace and l.key = a.key
      ) as starts`,
    values: [rates.map(({ namespace }) => namespace), rates.map(({ key }) => key), rates.map(({ limit }) => limit)],
  });
  const { running, starts } = rows[0] ?? {};
  return {
    now,
    running: new Map((running ?? []).map((row) => [nameOf(row), row.runs])),
    starts: new Map((starts ?? []).map((row) => [nameOf(row), row.starts])),
  };
}

/** A group with the room that its limits leave. */
export type GroupRoom = Room & LimitGroup;

export function roomsOf(groups: readonly LimitGroup[], state: LimitState): GroupRoom[] {
  return groups.map((group) => ({ ...group, ...roomFor(group.limits, state) }));
}

/**
 * Deletes the keys of groups without a running run. The next decision that starts a run of such a group writes them
 * again. The lock keeps decisions out, because a decision could start a run that the deletion does not see.
 */
export async function forgetGroups(database: Database): Promise<void> {
  await inTransaction(database, async (client) => {
    await client.query(`select pg_advisory_xact_lock(${limitsLock})`);
    await client.query(`
      delete from limit_keys k
      where not exists (select from runs r where r.limit_group = k.limit_group and r.status = 'running')`);
  });
}

/** Forgets the starts of rates that nothing was started for since `before` (epoch milliseconds). */
export async function forgetStarts(db: Queryable, before: number): Promise<void> {
  await db.query('delete from limits where used_at < $1', [new Date(before).toISOString()]);
}
