/** When a task fires next. Instants are epoch milliseconds. */

import type { Calendar } from '../../domain/schedule/calendar.ts';
import { nextOccurrence, occurrencesAfter, type Timing } from '../../domain/schedule/occurrence.ts';
import { timingOf } from '../../domain/task/task.ts';
import { ok } from '../../errors.ts';
import type { Task } from '../../store/tasks/row.ts';
import { inTurns } from '../../turns.ts';
import { useCase } from '../use-case.ts';
import { findLiveTask } from './get-task.ts';

/** `after` null stands for now. `isWanted` tells whether the caller still waits for the answer. */
type ListNext = { id: string; after: number | null; count: number; isWanted: () => boolean };

/** The next `count` instants at which a task fires; none where it is not active, fewer where they are not wanted. */
export const listNextOccurrences = useCase(
  'reader',
  async (context, caller, { id, after, count, isWanted }: ListNext) => {
    const { calendar, turns, now } = context;
    const found = await findLiveTask(context, caller, id);
    if (!found.ok) return found;
    const timing = timingOfActive(found.value, calendar);
    if (timing === null) return ok([]);
    const most = Math.min(count, runsLeft(found.value));
    return ok(await inTurns(occurrencesAfter(timing, after ?? now()), most, turns, isWanted));
  },
);

/** The first instant after `now` at which a task fires; null when it does not. */
export function nextRunAt(task: Task, now: number, calendar: Calendar): number | null {
  const timing = timingOfActive(task, calendar);
  return timing === null || runsLeft(task) === 0 ? null : nextOccurrence(timing, now);
}

/** Null where the task is not active, or never fires by itself. */
export function timingOfActive({ definition, uid, activeFrom }: Task, calendar: Calendar): Timing | null {
  return definition.status === 'active' ? timingOf(uid, definition, activeFrom, calendar) : null;
}

/** How many more occurrences `maxRuns` allows. */
function runsLeft({ definition, claimed }: Task): number {
  return definition.maxRuns === null ? Number.POSITIVE_INFINITY : Math.max(0, definition.maxRuns - claimed);
}
