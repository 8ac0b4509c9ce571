/** The oracle of the checker: at which instants a schedule is due. Cron by test/unit/oracle, the rest by arithmetic. */

import { occurrencesBetween } from '../unit/oracle/cron-oracle.ts';
import type { ChaosSchedule } from './history.ts';

export type Oracle = {
  /** All instants of the schedule in (from, to], in order; epoch milliseconds. */
  instants(schedule: ChaosSchedule, from: number, to: number): number[];
};

/** An oracle for instants in (least, most]: a pattern is worked out once for all of them, since that is slow. */
export function createOracle(least: number, most: number): Oracle {
  const known = new Map<string, number[]>();
  const cronInstants = (cron: string, timezone: string): number[] => {
    const key = `${cron} ${timezone}`;
    const found = known.get(key) ?? occurrencesBetween({ cron, timezone }, least, most);
    known.set(key, found);
    return found;
  };
  return {
    instants(schedule, from, to) {
      if ('manual' in schedule || to <= from) return [];
      if ('cron' in schedule)
        return cronInstants(schedule.cron, schedule.timezone).filter((instant) => instant > from && instant <= to);
      if ('atMs' in schedule) return schedule.atMs > from && schedule.atMs <= to ? [schedule.atMs] : [];
      const { everyMs, anchorMs } = schedule;
      const first = Math.max(0, Math.floor((from - anchorMs) / everyMs) + 1);
      const last = Math.floor((to - anchorMs) / everyMs);
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => anchorMs + (first + n) * everyMs);
    },
  };
}
