/** Describes a schedule in English. */

import { describeCron } from './cron/describe.ts';
import type { Schedule } from './schedule.ts';

/** One sentence without a full stop, for a schedule that `readSchedule` made. */
export function describeSchedule(schedule: Schedule): string {
  if ('every' in schedule) return `Every ${schedule.every}, counted from ${schedule.anchor}`;
  if ('at' in schedule) return `Once, at ${schedule.at}`;
  if ('manual' in schedule) return 'Only when triggered';
  const zone = schedule.timezone === 'UTC' ? '' : `, in the time zone ${schedule.timezone}`;
  return `${describeCron(schedule.cron)}${zone}`;
}
