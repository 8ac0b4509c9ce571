/** Hand-made histories: a healthy one, small enough to see through, for tests to spoil. */

import type { AuditRecord, CallRecord, ChaosTask, History, RunRow } from './history.ts';
import { makePlan, shortPace } from './plan.ts';

/** All of it happens in the minute after this. */
export const start = Date.parse('2026-11-21T10:00:00Z');
export const uid = 7;
const owner = 'a0000000-0000-4000-8000-000000000001';

export const task: ChaosTask = {
  ...{ id: 'every-second', incarnation: 'every-second-1', schedule: { everyMs: 1_000, anchorMs: start - 60_000 } },
  ...{ overlap: 'skip', misfire: { policy: 'fire_once', graceMs: 2_000, limit: 5 } },
  ...{ maxAttempts: 1, maxRuns: null, takesMs: 10, failures: 0 },
};

const idOf = (second: number) => `run-${second}`;

function write(history: History, run: RunRow, before: string | null, after: string, at: number, attempt: number): void {
  const previous = history.audit.at(-1);
  history.audit.push({
    ...{
      seq: (history.audit.at(-1)?.seq ?? 0) + 1,
      at,
      runId: run.id,
      uid: run.uid,
      before,
      after,
      attempt,
      owner: run.owner,
    },
    ...{
      beforeAttempt: before === null ? null : (previous?.attempt ?? null),
      error: null,
      reason: run.reason,
      changed: true,
    },
  });
}

/** Adds a run that went well, with its call, to a history. */
export function addRun(history: History, second: number, more: Partial<RunRow> = {}): RunRow {
  const at = start + second * 1_000;
  const run: RunRow = {
    ...{
      id: idOf(second),
      uid,
      trigger: 'schedule',
      status: 'succeeded',
      scheduledFor: at,
      owner,
      attempt: 1,
      maxAttempts: 1,
    },
    ...{ createdAt: at + 5, startedAt: at + 5, finishedAt: at + 30, reason: null, attempts: null },
    ...more,
  };
  history.final.runs.push(run);
  write(history, run, null, 'running', at + 5, 1);
  history.calls.push(callOf(run, at + 10));
  write(history, run, 'running', run.status, at + 30, 1);
  return run;
}

export function callOf(run: RunRow, at: number, attempt = 1): CallRecord {
  const { id, scheduledFor, trigger } = run;
  return { at, answeredAt: at + 10, runId: id, attempt, taskId: task.id, scheduledFor, trigger, key: id };
}

/** One task, due every second, created at 0.5 s and stopped at 40.5 s; a fault from 10 to 20 s that harmed nothing. */
export function healthy(): History {
  const plan = makePlan(
    'hand-made',
    { faults: [{ at: 0, action: { kind: 'kill', replica: 0, down: 1 } }] },
    1,
    shortPace,
  );
  const request = { taskId: task.id, incarnation: task.incarnation, status: 200, ok: true, replica: 0 };
  const history: History = {
    ...{ plan, startedAt: start, faultFrom: start + 10_000, faultUntil: start + 20_000, endedAt: start + 41_000 },
    ...{
      tasks: [task],
      faults: [{ what: 'kill', from: start + 10_000, until: start + 20_000 }],
      calls: [],
      orphans: [],
      processes: [],
    },
    ...{ offsets: [{ at: start, least: -1, most: 1 }], audit: [], metrics: [], notes: [] },
    requests: [
      { ...request, kind: 'create', sentAt: start + 490, answeredAt: start + 500, schedule: task.schedule },
      { ...request, kind: 'stop', sentAt: start + 40_490, answeredAt: start + 40_500, cancel: 'none' },
    ],
    leases: [{ at: start, owner, pid: 1, until: start + 60_000 }],
    final: {
      at: start + 50_000,
      quiet: true,
      tasks: [{ uid, id: task.id, incarnation: task.incarnation, status: 'stopped', deletedAt: null }],
      ...{ runs: [], misses: [], liveOwners: [owner] },
    },
  };
  for (let second = 1; second <= 40; second++) addRun(history, second);
  return history;
}

/** The run of a second, to be spoilt. */
export function runAt(history: History, second: number): RunRow {
  return history.final.runs.find(({ id }) => id === idOf(second)) as RunRow;
}

/** Takes the run of a second out of the history altogether. */
export function forgetRun(history: History, second: number): void {
  const other = ({ runId }: { runId: string }) => runId !== idOf(second);
  history.final.runs = history.final.runs.filter(({ id }) => id !== idOf(second));
  history.calls = history.calls.filter(other);
  history.audit = history.audit.filter(other);
}

/** Adds a write to a run at an instant, after all that was written before. */
export function addWrite(history: History, more: Partial<AuditRecord> & Pick<AuditRecord, 'runId' | 'at'>): void {
  history.audit.push({
    ...{
      seq: (history.audit.at(-1)?.seq ?? 0) + 1,
      uid,
      before: 'running',
      after: 'succeeded',
      beforeAttempt: 1,
      attempt: 1,
      owner,
    },
    ...{ error: null, reason: null, changed: true },
    ...more,
  });
}
