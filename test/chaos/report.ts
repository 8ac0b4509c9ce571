/** The report of one run: verdicts, and the numbers that were found. */

import { type History, recorderNow } from './history.ts';
import type { Plan } from './plan.ts';
import { isDisturbed, latenessOf } from './verdicts/attempts.ts';
import { openCase, type Verdict } from './verdicts/verdict.ts';

/** Milliseconds; null where there was nothing to measure. */
export type Spread = { count: number; p50: number; p99: number; max: number } | null;

export type Report = {
  plan: Plan;
  /** In words, one line. */
  summary: string;
  verdicts: Verdict[];
  notes: string[];
  runs: number;
  calls: number;
  byStatus: Record<string, number>;
  byTrigger: Record<string, number>;
  requests: { answered: number; refused: number; unknown: number; slowestMs: number };
  duplicates: number;
  missed: number;
  lateness: { calm: Spread; disturbed: Spread };
  /** How long runs had nobody: since their process was killed, or since the lease of one that lives was over. */
  takeover: { killed: Spread; fenced: Spread };
  fencedWrites: number | null;
  repairedBySweep: number | null;
  seconds: number;
};

function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

const countBy = (items: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
};

/**
 * How long each run that was taken over had nobody: from the death of its process where that was killed, else from the
 * moment at which its owner's lease was over.
 */
function takeovers(history: History, databaseTime: (at: number) => number): { killed: number[]; fenced: number[] } {
  const pids = new Map(history.leases.map(({ owner, pid }) => [owner, pid]));
  const leaseEnd = new Map(history.leases.map(({ owner, until }) => [owner, until]));
  const deaths = new Map(
    history.processes.filter(({ end }) => end === 'SIGKILL').map(({ pid, endedAt }) => [pid, endedAt]),
  );
  const owners = new Map<string, string>();
  const killed: number[] = [];
  const fenced: number[] = [];
  for (const { runId, before, after, owner, error, reason, at } of history.audit) {
    if (after === 'running' && owner !== null) owners.set(runId, owner);
    if (before !== 'running' || error !== 'lost' || /shutdown|was not told/.test(reason ?? '')) continue;
    const from = owners.get(runId) ?? '';
    const death = deaths.get(pids.get(from) ?? -1);
    // At the end of the plan every process is killed, also one whose lease was over long before.
    if (death != null && at > databaseTime(death)) killed.push(at - databaseTime(death));
    else if (leaseEnd.has(from)) fenced.push(at - (leaseEnd.get(from) ?? 0));
  }
  return { killed, fenced };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

export function reportOf(history: History, verdicts: Verdict[]): Report {
  const opened = openCase(history);
  const calm: number[] = [];
  const disturbed: number[] = [];
  for (const call of history.calls) {
    const lateness = latenessOf(opened, call);
    if (lateness !== null)
      (isDisturbed(opened, opened.recorderTime(call.scheduledFor)) ? disturbed : calm).push(lateness);
  }
  const known = history.metrics.length > 0;
  const { runs } = history.final;
  const lateness = { calm: spreadOf(calm), disturbed: spreadOf(disturbed) };
  const times = takeovers(history, opened.databaseTime);
  const takeover = { killed: spreadOf(times.killed), fenced: spreadOf(times.fenced) };
  const text = (spread: Spread) => (spread ? `p50 ${spread.p50} p99 ${spread.p99} max ${spread.max} ms` : 'none');
  const missed = sum(history.final.misses.map(({ count }) => count));
  return {
    plan: history.plan,
    summary: `${verdicts.length === 0 ? 'kept' : `BROKEN (${verdicts.length})`}: ${runs.length} runs, ${history.calls.length} calls, ${missed} recorded misses; lateness calm ${text(lateness.calm)}, disturbed ${text(lateness.disturbed)}; takeover after a kill ${text(takeover.killed)}, after a lost lease ${text(takeover.fenced)}`,
    verdicts,
    notes: history.notes,
    runs: runs.length,
    calls: history.calls.length,
    byStatus: countBy(runs.map(({ status }) => status)),
    byTrigger: countBy(runs.map(({ trigger }) => trigger)),
    requests: {
      answered: history.requests.filter(({ ok }) => ok === true).length,
      refused: history.requests.filter(({ ok }) => ok === false).length,
      unknown: history.requests.filter(({ ok }) => ok === null).length,
      slowestMs: Math.round(Math.max(0, ...history.requests.map(({ sentAt, answeredAt }) => answeredAt - sentAt))),
    },
    duplicates: verdicts.filter(({ kind }) => kind === 'double run' || kind === 'double attempt').length,
    missed,
    lateness,
    takeover,
    fencedWrites: known ? sum(history.metrics.map(({ fenced }) => fenced)) : null,
    repairedBySweep: known ? sum(history.metrics.map(({ repaired }) => repaired)) : null,
    seconds: Math.round((recorderNow() - history.startedAt) / 1_000),
  };
}
