/** Schedules in a few words, for lists. The page of a task has the whole sentence from the service. */

import type { Task } from '../api/client.ts';
import { ownZone } from '../ui/time.tsx';

export function scheduleText(schedule: Task['schedule']): string {
  if ('cron' in schedule) return schedule.cron + (schedule.timezone ? ` ${schedule.timezone}` : '');
  if ('every' in schedule) return `every ${schedule.every}`;
  if ('at' in schedule) return `once at ${schedule.at}`;
  return 'when triggered';
}

/** The zone that the task is planned in; this browser's own where it names none. */
export function zoneOf(schedule: Task['schedule']): string {
  if ('cron' in schedule) return schedule.timezone ?? 'UTC';
  return 'timezone' in schedule && typeof schedule.timezone === 'string' ? schedule.timezone : ownZone;
}
