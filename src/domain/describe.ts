/** Says in English what a schedule means. */

import cronstrue from 'cronstrue';
import type { Schedule } from './schedule.ts';

/** One sentence without a full stop, for a schedule that `readSchedule` made. */
export function describeSchedule(schedule: Schedule): string {
  if ('every' in schedule) return `Every ${schedule.every}, counted from ${schedule.anchor}`;
  if ('at' in schedule) return `Once, at ${schedule.at}`;
  if ('manual' in schedule) return 'Only when triggered';
  const zone = schedule.timezone === 'UTC' ? '' : `, in the time zone ${schedule.timezone}`;
  return `${describeCron(schedule.cron)}${zone}`;
}

/** A sentence from its first word to its last. */
const isWhole = /^[A-Z](?!.*(?:\s,|\s{2})).*\S$/;

function describeCron(cron: string): string {
  try {
    // cronstrue is told that both days must match, rather than either, and does not know the sign for it.
    const [days = '', , weekdays = ''] = cron.split(' ').slice(cron.split(' ').length === 5 ? 2 : 3);
    const logicalAndDayFields = days.startsWith('*') || /^[*+]/.test(weekdays);
    const text = cronstrue.toString(cron.replace(' +', ' '), { use24HourTimeFormat: true, logicalAndDayFields });
    // Second 0 beside a range or a step ("0,*/5") it leaves out, with the words around it: " and every 5 seconds".
    if (isWhole.test(text)) return text;
  } catch {
    // It refuses some of what is valid here, such as "1,15W".
  }
  return `By the cron pattern ${cron}`;
}
