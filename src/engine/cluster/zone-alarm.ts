/** Logs an error while live replicas have different time zone data. */

import type { Clock } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import type { ZoneData } from './partition.ts';

export type ZoneAlarmOptions = {
  clock: Pick<Clock, 'monotonic'>;
  log: Logger;
  zones: () => ZoneData;
};

const pollMs = 1_000;
const againMs = 10 * 60_000;

/** The step of its loop: an error when it begins and every ten minutes, and a line when it is over. */
export function createZoneAlarmStep({ clock, log, zones }: ZoneAlarmOptions): () => Promise<number> {
  let toldAt: number | null = null;
  return async () => {
    const { own, newest, outdated, versions } = zones();
    if (versions.length < 2) {
      if (toldAt !== null) log.warn({ own }, 'live replicas have the same time zone data again');
      toldAt = null;
    } else if (toldAt === null || clock.monotonic() - toldAt >= againMs) {
      toldAt = clock.monotonic();
      log.error(
        { own, newest, versions },
        outdated
          ? 'live replicas have different time zone data, and this one has older: tasks in a time zone are left to the others'
          : 'live replicas have different time zone data: only those with the newest claim tasks in a time zone',
      );
    }
    return pollMs;
  };
}
