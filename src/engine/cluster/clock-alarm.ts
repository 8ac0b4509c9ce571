/** Logs an error while the database's clock is not believed. */

import type { Clock } from '../../clock.ts';
import { formatDuration } from '../../domain/input/duration.ts';
import { confirmMs, type DatabaseTime, type Doubt } from './database-time.ts';

export type ClockAlarmOptions = {
  clock: Pick<Clock, 'monotonic'>;
  time: Pick<DatabaseTime, 'doubt'>;
  log: { error(details: object, message: string): void; warn(message: string): void };
};

const pollMs = 1_000;
const againMs = 60_000;

/** The step of its loop: an error when it begins and every minute, and a line when it is over. */
export function createClockAlarmStep({ clock, time, log }: ClockAlarmOptions): () => Promise<number> {
  let toldAt: number | null = null;
  return async () => {
    const doubt = time.doubt();
    if (doubt === null) {
      if (toldAt !== null) log.warn("the database's clock is believed again: tasks are fired again");
      toldAt = null;
    } else if (toldAt === null || clock.monotonic() - toldAt >= againMs) {
      toldAt = clock.monotonic();
      log.error(doubt, describeDoubt(doubt));
    }
    return pollMs;
  };
}

/** One sentence for people: the fault, its consequence, and how it ends. */
export function describeDoubt({ jumpMs }: Doubt): string {
  const seconds = Math.round(Math.abs(jumpMs) / 1_000);
  return (
    `the database's clock jumped ${jumpMs > 0 ? 'forward' : 'back'} by ${seconds} s: no occurrence is fired until it is ` +
    `back, or has run on for ${formatDuration(confirmMs)} in agreement with this machine's clock, or this replica is ` +
    'started again'
  );
}
