/** Judges attempts: each called once, in order, on time, by somebody who had the right to. */

import type { CallRecord } from '../history.ts';
import type { Case, Verdict } from './verdict.ts';
import { calmFrom, clock, groupBy } from './verdict.ts';

export function judgeAttempts(of: Case): Verdict[] {
  return [...calls(of), ...early(of), ...late(of), ...holes(of), ...withoutLease(of), ...takenFromTheLiving(of)];
}

const nameOf = ({ taskId, runId, attempt }: CallRecord) => `attempt ${attempt} of ${taskId}'s run ${runId}`;

function calls({ history, runs, byUid, recorderTime }: Case): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const [, same] of groupBy(history.calls, ({ runId, attempt }) => `${runId} ${attempt}`)) {
    const [first, second] = same;
    if (first && second)
      verdicts.push({
        kind: 'double attempt',
        detail: `the target was called ${same.length} times for ${nameOf(first)}, after ${Math.round(second.at - first.at)} ms`,
        at: second.at,
      });
  }
  for (const call of history.calls) {
    const run = runs.get(call.runId);
    if (!run) {
      verdicts.push({
        kind: 'phantom',
        detail: `the target was called for ${nameOf(call)}, which does not exist`,
        at: call.at,
      });
      continue;
    }
    const wrong = [
      byUid.get(run.uid)?.row.id !== call.taskId && 'task',
      Math.abs(run.scheduledFor - call.scheduledFor) > 0 && 'instant',
      call.key !== run.id && 'idempotency key',
      run.trigger !== call.trigger && 'trigger',
    ].filter(Boolean);
    if (wrong.length > 0)
      verdicts.push({
        kind: 'phantom',
        detail: `${nameOf(call)} was told another ${wrong.join(' and ')}`,
        at: call.at,
      });
    if (call.attempt > run.attempt)
      verdicts.push({
        kind: 'attempt hole',
        detail: `${nameOf(call)} was called, but the run knows ${run.attempt}`,
        at: call.at,
      });
    if (run.status === 'skipped')
      verdicts.push({ kind: 'phantom', detail: `${nameOf(call)} was called, but the run is skipped`, at: call.at });
  }
  // Another run id for the same occurrence is a second effect all the same.
  const occurrences = groupBy(
    history.calls.filter(({ trigger }) => trigger === 'schedule' || trigger === 'catch_up'),
    ({ runId, scheduledFor }) => `${runs.get(runId)?.uid} ${scheduledFor}`,
  );
  for (const [, same] of occurrences) {
    const ids = [...new Set(same.map(({ runId }) => runId))];
    if (ids.length > 1 && same[0])
      verdicts.push({
        kind: 'double run',
        detail: `the target was called for ${same[0].taskId} at ${clock(same[0].scheduledFor)} by ${ids.length} runs`,
        at: recorderTime(same[0].scheduledFor),
      });
  }
  return verdicts;
}

function early({ history, databaseTime, clockErrorMs }: Case): Verdict[] {
  return history.calls
    .filter(({ at, scheduledFor }) => databaseTime(at) + clockErrorMs < scheduledFor)
    .map((call) => ({
      kind: 'early',
      detail: `${nameOf(call)} came ${Math.round(call.scheduledFor - databaseTime(call.at))} ms before its instant`,
      at: call.at,
    }));
}

/** How late a first attempt was, by the database's clock; null where something else than the scheduler had it wait. */
export function latenessOf(of: Case, call: CallRecord): number | null {
  const run = of.runs.get(call.runId);
  if (call.attempt !== 1 || call.trigger !== 'schedule' || !run) return null;
  if (of.byUid.get(run.uid)?.definition?.overlap === 'queue') return null;
  return of.databaseTime(call.at) - call.scheduledFor;
}

/** Whether an instant on the recorder's clock lies in the fault or in the recovery from it. */
export function isDisturbed({ history }: Case, at: number): boolean {
  return history.plan.faults.length > 0 && at >= history.faultFrom - 1_000 && at <= calmFrom(history);
}

function late(of: Case): Verdict[] {
  const { lateMs, lateInFaultMs } = of.history.plan.limits;
  return of.history.calls.flatMap((call): Verdict[] => {
    const lateness = latenessOf(of, call);
    if (lateness === null) return [];
    const limit = isDisturbed(of, of.recorderTime(call.scheduledFor)) ? lateInFaultMs : lateMs;
    if (lateness <= limit) return [];
    return [
      {
        kind: 'late',
        detail: `${nameOf(call)} came ${Math.round(lateness)} ms late; ${limit} are allowed`,
        at: call.at,
      },
    ];
  });
}

/** Attempts are 1 … n, one after the other, in what was written over time and in what is kept. */
function holes({ history, auditByRun, recorderTime }: Case): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const [runId, records] of auditByRun) {
    let highest = 0;
    for (const { attempt, after, at } of records) {
      if (attempt === null || after !== 'running' || attempt === highest) continue;
      if (attempt !== highest + 1)
        verdicts.push({
          kind: 'attempt hole',
          detail: `run ${runId} went from attempt ${highest} to ${attempt}`,
          at: recorderTime(at),
        });
      highest = attempt;
    }
    let started = 0;
    for (const record of records)
      if (record.after === 'running' && record.before !== 'running' && record.attempt !== null) {
        if (record.attempt <= started)
          verdicts.push({
            kind: 'attempt hole',
            detail: `run ${runId} began attempt ${record.attempt} after ${started}`,
            at: recorderTime(record.at),
          });
        started = record.attempt;
      }
  }
  for (const run of history.final.runs) {
    const numbers = run.attempts?.map(({ attempt }) => attempt);
    if (numbers && (numbers.some((number, place) => number !== place + 1) || numbers.length > run.attempt))
      verdicts.push({
        kind: 'attempt hole',
        detail: `run ${run.id} keeps attempts ${numbers.join(', ')} of ${run.attempt}`,
        at: null,
      });
    if (run.attempt > run.maxAttempts)
      verdicts.push({
        kind: 'attempt hole',
        detail: `run ${run.id} made ${run.attempt} of ${run.maxAttempts} attempts`,
        at: null,
      });
  }
  return verdicts;
}

/**
 * The wire takes a moment, more so on a busy machine: a call that was made in time may come this much after the lease.
 */
const onTheWayMs = 1_000;

/** The end of each owner's last lease, whether it was given up or ran out. */
function leaseEnds({ history }: Case): Map<string, number> {
  return new Map(history.leases.map(({ owner, until }) => [owner, until]));
}

/** A call is made by whoever holds the attempt, and only while its lease lasts. */
function withoutLease(of: Case): Verdict[] {
  const { history, auditByRun, databaseTime } = of;
  const until = leaseEnds(of);
  return history.calls.flatMap((call): Verdict[] => {
    const owner = auditByRun
      .get(call.runId)
      ?.find(
        ({ after, before, attempt }) => after === 'running' && before !== 'running' && attempt === call.attempt,
      )?.owner;
    const end = owner ? until.get(owner) : undefined;
    if (end === undefined || databaseTime(call.at) <= end + onTheWayMs) return [];
    const after = Math.round(databaseTime(call.at) - end);
    const detail = `${nameOf(call)} came ${after} ms after the lease of its replica was over`;
    return [{ kind: 'called without lease', detail, at: call.at }];
  });
}

/**
 * What a replica gives up itself, when it leaves or finds that it knows nothing of an attempt, is not taken from it.
 */
const givenUp = /shutdown|was not told/;

/** An attempt is ended as lost only when the lease of its owner is over: by then its owner has stopped it. */
function takenFromTheLiving({ history, auditByRun, recorderTime }: Case): Verdict[] {
  const leases = groupBy(history.leases, ({ owner }) => owner);
  const verdicts: Verdict[] = [];
  for (const [runId, records] of auditByRun)
    records.forEach(({ before, after, error, reason, at }, place) => {
      if (before !== 'running' || error !== 'lost' || (after !== 'lost' && after !== 'retrying')) return;
      if (givenUp.test(reason ?? '')) return;
      const owner = records[place - 1]?.owner ?? '';
      const end = leases.get(owner)?.findLast((lease) => lease.at <= at)?.until ?? 0;
      if (at >= end) return;
      const detail = `run ${runId} was taken from ${owner} ${Math.round(end - at)} ms before its lease was over`;
      verdicts.push({ kind: 'taken from the living', detail, at: recorderTime(at) });
    });
  return verdicts;
}
