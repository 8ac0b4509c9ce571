/**
 * Brings the tasks and runs of a namespace under its quota `concurrentRuns`, or out of it.
 *
 *     quota committed ─▶ older creations over ─▶ tasks marked ─▶ older claims over ─▶ live runs regrouped
 *                        (later ones see it)     page by page    (later ones see     under the lock of limits
 *                                                                 the marks)
 *
 * Each step can be repeated, and goes by the quota as it is then. So it may be ended anywhere and begun again, also by
 * several replicas at once.
 */

import { namespaceKey } from '../../domain/limits/limits.ts';
import { limitsLock, longestHoldMs } from '../limits/state.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import { runGroup } from '../runs/run-group.ts';
import { updateRuns } from '../runs/transitions.ts';
import { claimsAreOver, taskWritesAreOver } from './barrier.ts';

const pageSize = 1_000;

/** Only the quotas that are set stand in the column. */
const isWanted = `(n.quotas ? 'concurrentRuns')`;

/**
 * To be called once a change of quotas is committed. When it resolves, each run of the namespace that starts or is
 * running counts for the quota, or none does where there is no quota; and no task is being created that does not know of
 * the quotas for creations. Does nothing for a namespace that does not exist. Rejects where an older transaction does not end within
 * some five seconds; then maintenance repeats it. `pause` waits a moment between two looks.
 */
export async function followQuota(database: Database, namespace: string, pause: () => Promise<void>): Promise<void> {
  const { pool } = database;
  await taskWritesAreOver(database, pause);
  if (!(await begin(pool, namespace))) return;
  while ((await markTasks(pool, namespace)) === pageSize);
  await claimsAreOver(database, pause);
  while ((await inTransaction(database, (db) => regroupRuns(db, namespace), longestHoldMs)) === pageSize);
  await pool.query({
    name: 'quota-followed',
    text: `update namespaces n set has_marked_tasks = false where n.id = $1 and n.has_marked_tasks and not ${isWanted}`,
    values: [namespace],
  });
}

/** The namespaces whose tasks and runs have to be compared with their quota. */
export async function namespacesToFollow(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'namespaces-to-follow',
    text: `select n.id from namespaces n where n.has_marked_tasks or ${isWanted} order by n.id`,
  });
  return rows.map(({ id }) => id);
}

/** Notes that tasks may be marked. False where the namespace has no quota and no marks. */
async function begin(db: Queryable, namespace: string): Promise<boolean> {
  await db.query({
    name: 'follow-quota',
    text: `update namespaces n set has_marked_tasks = true where n.id = $1 and not n.has_marked_tasks and ${isWanted}`,
    values: [namespace],
  });
  const { rowCount } = await db.query({
    name: 'has-marked-tasks',
    text: 'select from namespaces n where n.id = $1 and n.has_marked_tasks',
    values: [namespace],
  });
  return rowCount === 1;
}

/** Marks a page of tasks, or takes their marks away. Gives back how many there were. The version stays. */
async function markTasks(db: Queryable, namespace: string): Promise<number> {
  const { rowCount } = await db.query({
    name: 'mark-tasks',
    text: `
      with page as (
        select t.uid, ${isWanted} as wanted from tasks t join namespaces n on n.id = t.namespace
        where t.namespace = $1 and t.in_quota <> ${isWanted} order by t.uid limit ${pageSize} for no key update of t
      )
      update tasks t set in_quota = page.wanted from page where t.uid = page.uid`,
    values: [namespace],
  });
  return rowCount ?? 0;
}

/**
 * Moves a page of live runs to the group that their task gives them, in a transaction under the lock of limits: no
 * decision counts them meanwhile. Running runs count for the keys of their new group from then on. Gives back how many
 * there were.
 */
async function regroupRuns(db: Queryable, namespace: string): Promise<number> {
  await db.query(`select pg_advisory_xact_lock(${limitsLock})`);
  const { rows } = await db.query<{ regrouped: number }>({
    name: 'regroup-runs',
    text: `
      with page as (
        select r.id, r.status, r.limit_group as before, ${runGroup('t')} as after from runs r join tasks t on t.uid = r.task_uid
        where r.status in ('pending', 'retrying', 'running') and t.namespace = $1
          and r.limit_group is distinct from ${runGroup('t')}
        order by r.id limit ${pageSize} for no key update of r
      ), keys as (
        insert into limit_keys (limit_group, namespace, key)
        select page.after, k.namespace, k.key from page join limit_keys k on k.limit_group = page.before
        where page.status = 'running' and page.after is not null and k.key <> '${namespaceKey}'
        on conflict do nothing
      ), moved as (
        ${updateRuns({ limit_group: 'page.after' })} from page where r.id = page.id
      )
      select count(*)::integer as regrouped from page`,
    values: [namespace],
  });
  await db.query({
    name: 'count-running',
    text: `
      insert into limit_keys (limit_group, namespace, key)
      select distinct r.limit_group, t.namespace, '${namespaceKey}' from runs r join tasks t on t.uid = r.task_uid
      where r.status = 'running' and r.limit_group is not null and t.namespace = $1 and t.in_quota
      on conflict do nothing`,
    values: [namespace],
  });
  return rows[0]?.regrouped ?? 0;
}
