/**
 * Rescues stuck runs, which no replica carries out any more. The domain decides how each goes on.
 *
 *     running, owner dead or unaware ──lock──▶ verdictOfLost ──┬──▶ retrying   (an attempt is left: due at once)
 *                                                              ├──▶ lost
 *                                                              └──▶ cancelled  (where that had been asked for)
 */

import { formatInstant } from '../../../domain/input/instant.ts';
import { type LostVerdict, verdictOfLost } from '../../../domain/run/lost.ts';
import { type Database, inTransaction, type Queryable } from '../../postgres/database.ts';
import type { FilledRow, Row } from '../../rows.ts';
import type { runs, StoredAttempt, tasks } from '../../schema.ts';
import { choose, end, retry, updateRuns } from '../transitions.ts';

/** A run that was taken away from its owner. */
export type RescuedRun = {
  runId: string;
  namespace: string;
  taskId: string;
  owner: string;
  attempt: number;
  status: 'retrying' | 'lost' | 'cancelled';
};

/**
 * Attempts that a replica must carry out. A held attempt is not one of them: it ends by its own deadline (`endSilent`),
 * also when its owner is dead.
 */
const inProcess = `r.status = 'running' and r.heartbeat_due is null`;

/**
 * A replica that has a lease, as of $1. A heartbeat that lies in the future was written before the database's clock
 * went back: the lease that came with it would seem to last for as long as it went back.
 */
const isAlive = `p.lease_until > $1::timestamptz and p.heartbeat_at < $1::timestamptz + interval '1 minute'`;

/** Others pass over the runs that a replica decides about; one that freezes lets go of them after so many milliseconds. */
const mostIdleMs = 2_000;

/** The columns that decide how a lost attempt goes on. `r` is the run, `t` its task. */
const stuckColumns = `r.id, r.namespace, t.id as task_id, r.owner, r.attempt, r.max_attempts, r.cancel_requested,
  coalesce(r.started_at, r.created_at) as began_at`;

type StuckRow = Row<typeof runs, 'id' | 'namespace' | 'attempt' | 'max_attempts' | 'cancel_requested'> &
  FilledRow<typeof runs, 'owner'> & { task_id: Row<typeof tasks, 'id'>['id']; began_at: Date };

/** A description of the loss, and its reason for the owner of the attempt. */
type Loss = { message: string; reasonOf: (owner: string) => string };

/** Ends the attempts of runs that this transaction has locked, as the domain decides. */
async function endLost(db: Queryable, stuck: readonly StuckRow[], loss: Loss, now: number): Promise<RescuedRun[]> {
  if (stuck.length === 0) return [];
  const ended = stuck.map((row) => ({ row, verdict: verdictOfStuck(row, loss, now) }));
  await db.query({
    name: 'end-lost',
    text: endLostText,
    values: [
      new Date(now).toISOString(),
      ended.map(({ row }) => row.id),
      ended.map(({ verdict }) => verdict.status),
      ended.map(({ verdict }) => verdict.reason),
      ended.map(({ row, verdict }) => JSON.stringify(lostRecord(row, verdict, now))),
      loss.message,
    ],
  });
  return ended.map(({ row, verdict }) => ({
    runId: row.id,
    namespace: row.namespace,
    taskId: row.task_id,
    owner: row.owner,
    attempt: row.attempt,
    status: verdict.status,
  }));
}

/** The output of an earlier attempt stays. A run that was to be cancelled keeps the reason for that. */
const endLostText = `
  ${updateRuns({
    ...choose([[`s.status = 'retrying'`, retry('$1::timestamptz')]], end('s.status', '$1::timestamptz')),
    reason: 'coalesce(s.reason, r.reason)',
    error_kind: `'lost'`,
    error_message: '$6',
    attempts: `coalesce(r.attempts, '[]') || s.record`,
  })}
  from unnest($2::uuid[], $3::run_status[], $4::text[], $5::jsonb[]) as s(id, status, reason, record)
  where r.id = s.id`;

function verdictOfStuck(row: StuckRow, { message, reasonOf }: Loss, now: number): LostVerdict {
  return verdictOfLost(
    {
      attempt: row.attempt,
      maxAttempts: row.max_attempts,
      finishedAt: now,
      cancelRequested: row.cancel_requested,
    },
    message,
    reasonOf(row.owner),
  );
}

function lostRecord(
  { attempt, began_at }: StuckRow,
  { attemptStatus, error }: LostVerdict,
  now: number,
): StoredAttempt {
  const [startedAt, finishedAt] = [formatInstant(began_at.getTime()), formatInstant(now)];
  return { attempt, status: attemptStatus, startedAt, finishedAt, error, httpStatus: null };
}

/**
 * Takes at most `limit` running runs whose owner's lease is over at `now` (epoch milliseconds by the database's clock,
 * as the caller knows it: after a jump of that clock every lease would seem to be over): the next attempt is due at
 * once if one is left, else the run is `lost`, or `cancelled` where that had been asked for. Safe to do from several
 * replicas at the same time.
 */
export function rescueRunsOfDead(database: Database, limit: number, now: number): Promise<RescuedRun[]> {
  return inTransaction(
    database,
    async (db) => {
      const { rows } = await db.query<StuckRow>({
        name: 'runs-of-dead',
        text: `
        select ${stuckColumns} from runs r join tasks t on t.uid = r.task_uid
        where ${inProcess} and not exists (select from replicas p where p.id = r.owner and ${isAlive})
        order by r.id limit $2 for update of r skip locked`,
        values: [new Date(now).toISOString(), limit],
      });
      const reasonOf = (owner: string) => `replica ${owner} stopped renewing its lease`;
      return endLost(db, rows, { message: 'the replica that ran it died', reasonOf }, now);
    },
    mostIdleMs,
  );
}

/** An attempt of this replica, as the database says. */
export type HeldAttempt = { runId: string; attempt: number };

/** Every attempt that `owner` has under way by the database's word. */
export async function attemptsOf(db: Queryable, owner: string): Promise<HeldAttempt[]> {
  const { rows } = await db.query<Row<typeof runs, 'id' | 'attempt'>>({
    name: 'attempts-of',
    text: `select r.id, r.attempt from runs r where ${inProcess} and r.owner = $1`,
    values: [owner],
  });
  return rows.map(({ id, attempt }) => ({ runId: id, attempt }));
}

/** Takes those of the given attempts that `owner` still has, with the same ends as `rescueRunsOfDead`. */
export function rescueStuckRuns(
  database: Database,
  owner: string,
  stuckRuns: readonly HeldAttempt[],
  now: number,
): Promise<RescuedRun[]> {
  return inTransaction(database, async (db) => {
    const { rows } = await db.query<StuckRow>({
      name: 'stuck-runs',
      text: `
        select ${stuckColumns}
        from unnest($2::uuid[], $3::smallint[]) as s(id, attempt)
          join runs r on r.id = s.id and r.attempt = s.attempt join tasks t on t.uid = r.task_uid
        where ${inProcess} and r.owner = $1
        order by r.id for update of r skip locked`,
      values: [owner, stuckRuns.map(({ runId }) => runId), stuckRuns.map(({ attempt }) => attempt)],
    });
    const reasonOf = (id: string) => `replica ${id} was not told that it had taken the run`;
    return endLost(db, rows, { message: 'its replica does not know of the attempt', reasonOf }, now);
  });
}
