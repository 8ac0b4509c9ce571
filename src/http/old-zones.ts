/** What a replica does, and does not, whose time zone data is older than another one's. */

import type { Warning } from '../domain/input/warning.ts';
import type { Schedule } from '../domain/schedule/schedule.ts';
import { isFixedOffset } from '../domain/schedule/zones/zone.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problems.ts';

const isZoned = (schedule: Schedule) => 'cron' in schedule && !isFixedOffset(schedule.timezone);

/** Warns that the instants this answer tells are not those at which the task fires, if they are others. */
export function warnOfOldZones({ olderZones }: HttpContext, schedule: Schedule, warnings: Warning[]): void {
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

/** Throws a 503 where occurrences of the past would be decided by old data: another replica can do it. */
export function refuseOldZones({ olderZones }: HttpContext, schedule: Schedule): void {
  const older = olderZones();
  if (older === null || !isZoned(schedule)) return;
  throw new ProblemError(
    'unavailable',
    `this replica has time zone data ${older.own}, another one has ${older.newest}: ask again, so that one with the newest answers`,
    { headers: { 'retry-after': '1' } },
  );
}
