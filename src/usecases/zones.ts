/** Warnings and refusals of a replica whose time zone data is older than another one's. */

import type { Warning } from '../domain/input/warning.ts';
import type { Schedule } from '../domain/schedule/schedule.ts';
import { isFixedOffset } from '../domain/schedule/zones/zone.ts';
import type { UseCaseContext } from './context.ts';
import { type Refused, refuse } from './refusal.ts';

const isZoned = (schedule: Schedule) => 'cron' in schedule && !isFixedOffset(schedule.timezone);

/** Warns where the task may fire at other instants than those that this replica computes. */
export function warnOfOldZones(
  { olderZones }: Pick<UseCaseContext, 'olderZones'>,
  schedule: Schedule,
  warnings: Warning[],
): void {
  const older = olderZones();
  if (older === null) return;
  const isLocal = warnings.some(({ code }) => code === 'local_time_resolved');
  if (!isZoned(schedule) && !isLocal) return;
  warnings.push({
    code: 'zone_data_outdated',
    pointer: '#/schedule/timezone',
    detail: `the replica that answers has time zone data ${older.own}, another one has ${older.newest} and fires the task`,
  });
}

/** A refusal where old data would decide about occurrences of the past: another replica can do it. Null otherwise. */
export function refusalOfOldZones(
  { olderZones }: Pick<UseCaseContext, 'olderZones'>,
  schedule: Schedule,
): Refused | null {
  const older = olderZones();
  if (older === null || !isZoned(schedule)) return null;
  return refuse(
    'unavailable',
    `this replica has time zone data ${older.own}, another one has ${older.newest}: ask again, so that one with the newest answers`,
  );
}
