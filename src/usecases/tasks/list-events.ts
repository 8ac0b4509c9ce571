/** Reads a page of a task's events. */

import { ok } from '../../errors.ts';
import { listEvents as findEvents } from '../../store/events/events.ts';
import { uidsOf } from '../../store/runs/history.ts';
import { notFound } from '../refusal.ts';
import { useCase } from '../use-case.ts';

type ListEvents = {
  /** The newest task that has or had this id; it may be deleted. */
  taskId: string;
  /** Null for events of all types. */
  type: string | null;
  /** Only events older than the one with this number; null for the newest. */
  before: number | null;
  limit: number;
  /** In bytes of changes; the first event may be larger. */
  largest: number;
};

/** Newest first, and whether more follow. */
export const listEvents = useCase('reader', async ({ database }, { namespace }, { taskId, ...page }: ListEvents) => {
  const [uid] = await uidsOf(database, namespace, taskId);
  if (uid === undefined) return notFound(`task "${taskId}"`);
  return ok(await findEvents(database.pool, { uid, ...page }));
});
