/** What the checker says, and what all its judges look at. */

import { type Expected, expectedOf, type TaskHistory, taskHistories } from '../definitions.ts';
import type { AuditRecord, ChaosTask, History, MissRow, RunRow, TaskRow } from '../history.ts';
import { createOracle, type Oracle } from '../occurrences.ts';

export type VerdictKind =
  | 'missing'
  | 'lost at a change'
  | 'wrong miss'
  | 'double run'
  | 'too many runs'
  | 'double attempt'
  | 'attempt hole'
  | 'phantom'
  | 'early'
  | 'late'
  | 'stuck'
  | 'zombie write'
  | 'lost acknowledgement'
  | 'called after stop'
  | 'called without lease'
  | 'taken from the living'
  | 'overlap'
  | 'policy'
  | 'failed request'
  | 'wrong metrics'
  | 'memory'
  | 'unsound run';

export type Verdict = {
  kind: VerdictKind;
  detail: string;
  /** On the recorder's clock, for the timeline; null where it belongs to no moment. */
  at: number | null;
};

/** Everything of one task, ready to be judged. */
export type JudgedTask = {
  row: TaskRow;
  definition: ChaosTask | undefined;
  history: TaskHistory | undefined;
  /** Worked out when asked for, and not kept for long: three days of occurrences of many tasks are many. */
  expected(): Expected;
  runs: RunRow[];
  misses: MissRow[];
};

export type Case = {
  history: History;
  /** The recorder's instant on the database's clock and back, and by how much that may be wrong. */
  databaseTime: (at: number) => number;
  recorderTime: (at: number) => number;
  clockErrorMs: number;
  tasks: JudgedTask[];
  byUid: Map<number, JudgedTask>;
  runs: Map<string, RunRow>;
  auditByRun: Map<string, AuditRecord[]>;
  oracle: Oracle;
};

/**
 * How long after the last fault the cluster may take until every occurrence is on time again: leases, sweeps, queues.
 */
export function calmFrom({ plan, faultUntil }: History): number {
  return faultUntil + plan.leaseMs + 6_000;
}

/** An occurrence that is late by no more than this in calm times may be on its way. */
const changeSlackMs = 5_000;
const terminal = new Set(['succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'lost']);

export const isTerminal = (status: string | null): boolean => status !== null && terminal.has(status);

const nothing: Expected = { must: new Set(), beforeChange: new Set(), may: new Set() };

export function openCase(history: History): Case {
  const sharpest = [...history.offsets].sort((a, b) => a.most - a.least - (b.most - b.least))[0];
  const ahead = sharpest ? (sharpest.least + sharpest.most) / 2 : 0;
  const clockErrorMs = sharpest ? (sharpest.most - sharpest.least) / 2 + 2 : 2;
  const databaseTime = (at: number) => at + ahead;
  const histories = taskHistories(history.requests, databaseTime);
  const definitions = new Map(history.tasks.map((task) => [task.incarnation, task]));
  const from = databaseTime(history.startedAt) - 60_000;
  const to = databaseTime(history.final.at);
  const oracle = createOracle(from, to);
  const disturbedUntil = databaseTime(calmFrom(history));
  const disturbedFrom = databaseTime(history.faultFrom) - 2_000;
  const settledBy = (instant: number) =>
    (instant >= disturbedFrom && instant <= disturbedUntil && history.plan.faults.length > 0
      ? disturbedUntil
      : instant) + changeSlackMs;
  let last: { uid: number; expected: Expected } | null = null;
  const remember = (uid: number, work: () => Expected): Expected => {
    if (last?.uid !== uid) last = { uid, expected: work() };
    return last.expected;
  };
  const grouped = groupBy(history.final.runs, (run) => run.uid);
  const misses = groupBy(history.final.misses, (miss) => miss.uid);
  const tasks = history.final.tasks.map((row): JudgedTask => {
    const known = row.incarnation === null ? undefined : histories.get(row.incarnation);
    return {
      row,
      definition: row.incarnation === null ? undefined : definitions.get(row.incarnation),
      history: known,
      expected: () =>
        known ? remember(row.uid, () => expectedOf(known, oracle, from, to, settledBy, clockErrorMs)) : nothing,
      runs: grouped.get(row.uid) ?? [],
      misses: misses.get(row.uid) ?? [],
    };
  });
  return {
    history,
    databaseTime,
    recorderTime: (at) => at - ahead,
    clockErrorMs,
    tasks,
    byUid: new Map(tasks.map((task) => [task.row.uid, task])),
    runs: new Map(history.final.runs.map((run) => [run.id, run])),
    auditByRun: groupBy(history.audit, (record) => record.runId),
    oracle,
  };
}

export function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** Time of day with milliseconds, for people. */
export const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);
