/** What a start does about the occurrences that were due while the task was stopped. */

import { decideMisfires, misfireRule } from '../domain/misfire.ts';
import { occurrenceRunId } from '../domain/occurrence.ts';
import { type Misfire, timingOf } from '../domain/task.ts';
import { insertDue } from '../store/insert-due.ts';
import { recordMisses } from '../store/sweep.ts';
import type { Task } from '../store/task-row.ts';
import type { HttpContext } from './context.ts';

/** Inserts the runs to be made up for, records what is not; says whether runs wait now. Nothing is done under `skip`. */
export async function catchUpSince(
  { database, calendar, now }: HttpContext,
  stopped: Task,
  started: Task,
  policy: Misfire['policy'],
): Promise<boolean> {
  if (policy === 'skip') return false;
  const timing = timingOf(stopped.uid, stopped.definition, stopped.activeFrom, calendar);
  if (timing === null) return false;
  const rule = { ...misfireRule(stopped.definition.misfire), policy };
  const decision = decideMisfires(timing, rule, stopped.activeFrom, started.activeFrom, []);
  if (decision === null) return false;
  const { uid, generation } = started;
  const limited = started.definition.maxRuns !== null;
  const due = decision.fire.map((instant) => {
    return { runId: occurrenceRunId(uid, instant), uid, generation, scheduledFor: instant, knownVersion: 0, limited };
  });
  if (decision.miss) await recordMisses(database.pool, [{ uid, generation, policy, ...decision.miss }], now());
  return (await insertDue(database.pool, due, 'catch_up', now())) > 0;
}
