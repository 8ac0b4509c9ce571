/** Runs the occurrences of a past range that have no run yet. */

import { formatInstant } from '../../domain/input/instant.ts';
import { occurrencesUpTo } from '../../domain/schedule/occurrence-count.ts';
import { timingOf } from '../../domain/task/task.ts';
import { ok } from '../../errors.ts';
import { insertBackfill } from '../../store/runs/claiming/backfill.ts';
import { inTurns } from '../../turns.ts';
import { logChange } from '../audit/log-change.ts';
import { meaningless, notFound } from '../refusal.ts';
import { findLiveTask } from '../tasks/get-task.ts';
import { authorOf, useCase } from '../use-case.ts';
import { refusalOfOldZones } from '../zones.ts';

/** The range goes from `from` up to, but not including, `to` (epoch milliseconds). */
type BackfillTask = { taskId: string; from: number; to: number; limit: number };

/**
 * Goes by the schedule as it is now. Gives back how many runs were made, how many occurrences had one already, and
 * (epoch milliseconds) the first occurrence that `limit` left out; null where it left out none.
 */
export const backfillTask = useCase('operator', async (context, caller, input: BackfillTask) => {
  const { taskId, from, to, limit } = input;
  const { database, calendar, now, turns } = context;
  if (to <= from) return meaningless([{ pointer: '#/to', detail: 'must lie after from' }]);
  if (to > now()) return meaningless([{ pointer: '#/to', detail: 'must not lie in the future' }]);
  const found = await findLiveTask(context, caller, taskId);
  if (!found.ok) return found;
  const { uid, definition } = found.value;
  const outdated = refusalOfOldZones(context, definition.schedule);
  if (outdated) return outdated;
  const timing = timingOf(uid, definition, from - 1, calendar);
  if (timing === null || 'manual' in definition.schedule)
    return meaningless([{ pointer: '#/from', detail: 'the task has no schedule that could give occurrences' }]);
  const instants = await inTurns(occurrencesUpTo(timing, from - 1, to - 1), limit + 1, turns);
  const nextFrom = instants[limit] ?? null;
  instants.splice(limit);
  const author = authorOf(caller);
  const created =
    instants.length === 0 ? 0 : await insertBackfill(database.pool, context.runIds(), uid, instants, author, now());
  if (created === null) return notFound(`task "${taskId}"`);
  if (created > 0) {
    const [first = from, last = first] = [instants[0], instants.at(-1)];
    const range = { from: formatInstant(first), to: formatInstant(last), runs: created };
    logChange(context, author, 'task.backfilled', found.value, range);
    context.noteRuns(found.value.namespace, taskId, created);
    context.signal(definition.hooks?.before ? 'checks' : 'waiting');
  }
  return ok({ created, existing: instants.length - created, nextFrom });
});
