/** stub */

import cronstrue from 'cronstrue';
import type { Schedule } from './schedule.ts';
export function describeSchedule(s: Schedule): string {
  return 'cron' in s ? cronstrue.toString(s.cron) : JSON.stringify(s);
}
