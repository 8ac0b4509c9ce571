/** The history of one task's definitions, and the occurrences that it makes certain, possible and impossible. */

import type { ChaosSchedule, RequestRecord } from './history.ts';
import type { Oracle } from './occurrences.ts';

/** A change of what is due, in doubt from `sentAt` to `answeredAt`; for ever where nobody knows whether it was made. */
type Change = {
  sentAt: number;
  answeredAt: number;
  schedule: ChaosSchedule | null;
  known: boolean;
  /** A start that makes up for the time since the stop. */
  catchUp: boolean;
};

export type TaskHistory = {
  incarnation: string;
  taskId: string;
  changes: Change[];
};

/** What an instant is to a task. */
export type Expected = {
  /** Without a row or a recorded miss it is lost. */
  must: Set<number>;
  /** Those of them that only a change just after them could have lost. */
  beforeChange: Set<number>;
  /** A run for any other instant is a phantom. */
  may: Set<number>;
};

/**
 * A replica's idea of the database's time is never ahead of it, but behind by as much as an answer takes: a definition
 * may count from a moment before it was sent.
 */
const behindMs = 1_500;

/**
 * The changes of each incarnation, by the instants of the database's clock that `databaseTime` makes of the recorder's.
 */
export function taskHistories(
  requests: readonly RequestRecord[],
  databaseTime: (at: number) => number,
): Map<string, TaskHistory> {
  const histories = new Map<string, TaskHistory>();
  for (const request of [...requests].sort((a, b) => a.sentAt - b.sentAt)) {
    const { kind, incarnation, taskId, ok } = request;
    if (kind === 'trigger' || kind === 'read' || ok === false) continue;
    const history = histories.get(incarnation) ?? { incarnation, taskId, changes: [] };
    histories.set(incarnation, history);
    history.changes.push({
      sentAt: databaseTime(request.sentAt),
      answeredAt: ok === null ? Infinity : databaseTime(request.answeredAt),
      schedule: kind === 'stop' || kind === 'delete' ? null : (request.schedule ?? null),
      known: ok === true,
      catchUp: request.catchUp === true,
    });
  }
  return histories;
}

/**
 * What must and may have been due for a task in (from, to]. `settledBy` tells by when an occurrence has fired unless
 * something is wrong. A change that is made before that may keep it from running, but has to leave a miss: it loses
 * nothing that was due before it was asked for. Two clocks are compared, which differ by `errorMs` at most.
 */
export function expectedOf(
  { changes }: TaskHistory,
  oracle: Oracle,
  from: number,
  to: number,
  settledBy: (instant: number) => number,
  errorMs: number,
): Expected {
  const must = new Set<number>();
  const beforeChange = new Set<number>();
  const may = new Set<number>();
  changes.forEach(({ sentAt, answeredAt, schedule, known, catchUp }, place) => {
    if (schedule === null) return;
    if (catchUp) {
      const active = changes.slice(0, place).findLast((change) => change.schedule !== null);
      const since = Math.max(from, active?.sentAt ?? from);
      for (const instant of oracle.instants(schedule, since, Math.min(to, answeredAt))) may.add(instant);
    }
    // Until the next change that is known to have been made; those in between only put things in doubt.
    const later = changes.slice(place + 1);
    const end = Math.min(to, later.find((change) => change.known)?.answeredAt ?? Infinity);
    const doubt = Math.min(Infinity, ...later.map((change) => change.sentAt)) - errorMs;
    for (const instant of oracle.instants(schedule, Math.max(from, sentAt - behindMs), end)) {
      may.add(instant);
      if (!known || instant <= answeredAt + errorMs || instant >= doubt || settledBy(instant) >= to) continue;
      must.add(instant);
      if (settledBy(instant) >= doubt) beforeChange.add(instant);
    }
  });
  return { must, beforeChange, may };
}
