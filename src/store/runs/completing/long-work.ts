/** Held runs: heartbeats of their holders, completion by them, and their end when a deadline passes. */

import { formatDuration, parseDuration } from '../../../domain/input/duration.ts';
import { writeExactJson } from '../../../domain/input/exact-json.ts';
import { formatInstant, parseInstant } from '../../../domain/input/instant.ts';
import type { Detail } from '../../../domain/run/detail.ts';
import type { EndedRun, ErrorKind, RunOrigin, Trigger } from '../../../domain/run/run.ts';
import { verdictOf } from '../../../domain/run/verdict.ts';
import { type Database, inTransaction, type Queryable } from '../../postgres/database.ts';
import { type ColumnName, columnsOf, type FilledRow, type Row } from '../../rows.ts';
import type { runs, StoredAttempt } from '../../schema.ts';
import { detailRecord } from '../attempt-records.ts';
import { snapshotColumn, type TaskSnapshot } from '../claiming/claims.ts';
import { updateRuns } from '../transitions.ts';
import { completeRuns, type OutcomeWrite } from './outcome-writes.ts';

/** An attempt that is under way, with the facts that decide about its end. Instants are epoch milliseconds. */
export type OpenAttempt = {
  runId: string;
  attempt: number;
  trigger: Trigger;
  origin: RunOrigin | null;
  owner: string;
  firstStartedAt: number;
  /** When this attempt started. */
  startedAt: number;
  detail: Detail | null;
  output: string | null;
  truncated: boolean | null;
  /** A noun for the awaited sign, and how long the holder may be silent (milliseconds). */
  waitsFor: string;
  silentMs: number;
  snapshot: TaskSnapshot;
};

/** How a holder reports the end of its work. */
export type Ending = {
  status: 'succeeded' | 'failed' | 'timed_out';
  /** Null keeps the output of the handing over. */
  output: { text: string; truncated: boolean } | null;
  error: { kind: ErrorKind; message: string } | null;
  isFinal: boolean;
};

const openNames = [
  'id',
  'attempt',
  'trigger',
  'origin',
  'http_status',
  'detail',
  'output',
  'truncated',
  'heartbeat_due',
] as const satisfies ColumnName<typeof runs>[];

/** A running run has an owner, and was started. */
const startedNames = ['owner', 'started_at'] as const satisfies ColumnName<typeof runs>[];

type OpenRow = Row<typeof runs, (typeof openNames)[number]> &
  FilledRow<typeof runs, (typeof startedNames)[number]> & { last: StoredAttempt | null; snapshot: TaskSnapshot };

const openColumns = `${columnsOf('r', ...openNames, ...startedNames)},
    case when r.heartbeat_due is not null then r.attempts -> -1 end as last, ${snapshotColumn} as snapshot`;

/** How long a holder may be silent, in milliseconds; a minute where the task no longer says. */
export function heartbeatMsOf({ policies }: TaskSnapshot): number {
  return parseDuration(policies?.heartbeatTimeout ?? '1m') ?? 60_000;
}

/** The attempt that a run has under way, in this namespace unless null; null when it has none. */
export async function openAttempt(db: Queryable, runId: string, namespace: string | null): Promise<OpenAttempt | null> {
  const { rows } = await db.query<OpenRow>({
    name: 'open-attempt',
    text: `
      select ${openColumns} from runs r join tasks t on t.uid = r.task_uid
      where r.id = $1 and r.status = 'running' and ($2::text is null or t.namespace = $2)`,
    values: [runId, namespace],
  });
  return rows[0] ? openOf(rows[0]) : null;
}

/**
 * Writes down how an attempt under way ended. Null when it is over already. `share` spreads the pause before the next
 * attempt, `now` is in epoch milliseconds.
 */
export async function endAttempt(
  db: Queryable,
  open: OpenAttempt,
  ending: Ending,
  now: number,
  random01: number,
): Promise<OutcomeWrite | null> {
  const outcomeWrite = outcomeWriteOf(open, ending, now, random01);
  return (await completeRuns(db, open.owner, [outcomeWrite])).has(open.runId) ? outcomeWrite : null;
}

/** Takes a heartbeat: the holder may be silent for another `heartbeatMs`. False when the attempt is over. */
export async function takeHeartbeat(
  db: Queryable,
  run: { runId: string; attempt: number; heartbeatMs: number },
  progress: unknown,
  now: number,
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'take-heartbeat',
    // Before it is written down that the run is held there is no deadline to move: the attempt's own timeout holds.
    text: `
      ${updateRuns({
        progress: 'coalesce($4::jsonb, r.progress)',
        heartbeat_due: 'case when r.heartbeat_due is not null then $3::timestamptz end',
      })}
      where id = $1 and attempt = $2 and status = 'running' and not cancel_requested`,
    values: [
      run.runId,
      run.attempt,
      formatInstant(now + run.heartbeatMs),
      progress === undefined ? null : writeExactJson(progress),
    ],
  });
  return rowCount === 1;
}

/** An attempt that ended because its holder was silent, and when the next is due, if there is one. */
export type SilentAttempt = EndedRun & { retryAt: number | null };

/** The report about an attempt whose end is written down. */
export function endedRun(
  { runId, attempt, trigger, origin, startedAt, snapshot }: OpenAttempt,
  end: OutcomeWrite,
): EndedRun {
  const { status, error, finishedAt } = end;
  const { namespace, taskId } = snapshot;
  const about = { namespace, taskId, runId, attempt, trigger, origin };
  return { ...about, status, error, durationMs: finishedAt - startedAt, latenessMs: null };
}

/** Ends at most `limit` held attempts as timed out whose deadline has passed. */
export function endSilent(
  database: Database,
  limit: number,
  now: number,
  random: () => number,
): Promise<SilentAttempt[]> {
  return inTransaction(database, async (db) => {
    const { rows } = await db.query<OpenRow>({
      name: 'silent-attempts',
      text: `
        select ${openColumns} from runs r join tasks t on t.uid = r.task_uid
        where r.heartbeat_due < $1 and r.status = 'running' order by r.id limit $2 for update of r skip locked`,
      values: [formatInstant(now), limit],
    });
    const ended: SilentAttempt[] = [];
    for (const open of rows.map(openOf)) {
      const message = `no ${open.waitsFor} within ${formatDuration(open.silentMs)}`;
      const ending: Ending = { status: 'timed_out', output: null, error: { kind: 'timeout', message }, isFinal: false };
      const outcomeWrite = await endAttempt(db, open, ending, now, random());
      if (outcomeWrite === null) continue;
      ended.push({ ...endedRun(open, outcomeWrite), retryAt: outcomeWrite.retryAt });
    }
    return ended;
  });
}

function openOf(row: OpenRow): OpenAttempt {
  const firstStartedAt = row.started_at.getTime();
  const startedAt = (row.last && parseInstant(row.last.startedAt)) ?? firstStartedAt;
  return {
    runId: row.id,
    attempt: row.attempt,
    trigger: row.trigger,
    origin: row.origin,
    owner: row.owner,
    firstStartedAt,
    startedAt,
    detail: row.http_status === null ? row.detail : { httpStatus: row.http_status, ...row.detail },
    output: row.output,
    truncated: row.truncated,
    waitsFor: row.last?.waitsFor ?? 'heartbeat',
    silentMs: silentMsOf(row, startedAt),
    snapshot: row.snapshot,
  };
}

/** As the task says; where it does not, as long as the executor gave to the holder. */
function silentMsOf({ snapshot, heartbeat_due }: OpenRow, startedAt: number): number {
  if (snapshot.policies?.heartbeatTimeout != null || heartbeat_due === null) return heartbeatMsOf(snapshot);
  return heartbeat_due.getTime() - startedAt;
}

function outcomeWriteOf(open: OpenAttempt, ending: Ending, now: number, random01: number): OutcomeWrite {
  const { attempt, snapshot, firstStartedAt, detail } = open;
  const { status, error, isFinal } = ending;
  const ended = { attempt, maxAttempts: snapshot.maxAttempts, finishedAt: now, firstStartedAt, status, error };
  const verdict = verdictOf({ ...ended, retryAfterMs: null, isFinal }, snapshot.retry, null, random01);
  return {
    runId: open.runId,
    attempt,
    status: verdict.status,
    startedAt: null,
    finishedAt: now,
    detail,
    output: ending.output?.text ?? open.output,
    truncated: ending.output?.truncated ?? open.truncated,
    error: verdict.error,
    reason: verdict.reason,
    record: {
      attempt,
      status: verdict.attemptStatus,
      startedAt: formatInstant(open.startedAt),
      finishedAt: formatInstant(now),
      error: verdict.error,
      ...detailRecord(detail),
    },
    retryAt: verdict.retryAt,
  };
}
