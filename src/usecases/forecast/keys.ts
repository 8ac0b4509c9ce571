/** Finds what splits a forecast: the origin of each task's target, or a label. */

import { readLabel, readTargets } from '../../store/tasks/forecast.ts';
import type { UseCaseContext } from '../context.ts';
import type { ScheduledTask } from './forecasts.ts';

/** What the counts are split by; a label has a name. */
export type ForecastBy = { kind: 'origin' } | { kind: 'label'; name: string };

/** The keys in order, null for tasks without one, and the index of a task's key. */
type Keys = { names: (string | null)[]; of: (uid: number) => number };

/** Small enough that their rows take the event loop for some milliseconds only. */
const pageSize = 1_000;

/** Null where the caller is gone. */
export async function readKeys(
  { database, targets, turns }: UseCaseContext,
  tasks: readonly ScheduledTask[],
  by: ForecastBy,
  isWanted: () => boolean,
): Promise<Keys | null> {
  const byUid = new Map<number, string>();
  const isWhole = await inPages(tasks, isWanted, async (uids) => {
    if (by.kind === 'label')
      for (const [uid, key] of await readLabel(database.pool, uids, by.name)) byUid.set(uid, key);
    else {
      const read = await readTargets(database.pool, uids, targets.originMembers);
      await turns.take();
      for (const [uid, target] of read) byUid.set(uid, targets.originOf(target));
    }
  });
  if (!isWhole) return null;
  const named = [...new Set(byUid.values())].sort();
  const names = byUid.size < tasks.length ? [null, ...named] : named;
  const places = new Map(names.map((name, place) => [name, place]));
  return { names, of: (uid) => places.get(byUid.get(uid) ?? null) ?? 0 };
}

/** Does `work` for the numbers of these tasks, so many at a time. False where it ended early, the caller being gone. */
export async function inPages(
  tasks: readonly ScheduledTask[],
  isWanted: () => boolean,
  work: (uids: number[]) => Promise<void>,
): Promise<boolean> {
  for (let from = 0; from < tasks.length; from += pageSize) {
    if (!isWanted()) return false;
    await work(tasks.slice(from, from + pageSize).map(({ uid }) => uid));
  }
  return true;
}
