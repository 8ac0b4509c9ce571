/** Goes on with the end of a namespace. Any replica may do so at any time, also after another died half way. */

import {
  closedSince,
  deleteEventsIn,
  deleteTasksIn,
  purgeNamespace,
  reopenNamespace,
} from '../../store/access/closing.ts';
import { cancelRunsIn } from '../../store/runs/completing/cancelling.ts';
import { deleteRunsIn } from '../../store/runs/namespace-history.ts';
import { claimsAreOver, taskWritesAreOver } from '../../store/tasks/barrier.ts';
import type { UseCaseContext } from '../context.ts';

/** `open`: it is not closing, or was opened again. `draining`: more has to be done, such as for runs under way. */
export type ClosingState = 'open' | 'draining' | 'gone';

/** Attempts under way may end by themselves for so many milliseconds; then they are cancelled. */
const graceMs = 10_000;
const runsAtOnce = 2_000;

export async function finishClosing(context: UseCaseContext, id: string): Promise<ClosingState> {
  const { database, namespaces, now, signal, metrics } = context;
  const db = database.pool;
  const pause = () => context.pause(2);
  const since = await closedSince(db, id);
  if (typeof since === 'string') return since;
  // Creations that began before it was closed are now seen.
  await taskWritesAreOver(database, pause);
  if (await reopenNamespace(db, id)) {
    signal('namespaces');
    return 'open';
  }
  // Another replica may have opened it, or it was even closed again: then creations before that are not seen yet.
  const still = await closedSince(db, id);
  if (still !== since) return typeof still === 'string' ? still : 'draining';
  if ((await deleteTasksIn(db, id, now())) > 0) signal('tasks');
  await claimsAreOver(database, pause);
  const hasTime = now() < since + graceMs;
  const { cancelled, running } = await cancelRunsIn(db, id, hasTime ? 'pending' : 'all', now());
  metrics.cancelled('delete', cancelled);
  if (running > 0) {
    if (!hasTime) signal('cancel');
    return 'draining';
  }
  while (!(await deleteRunsIn(db, id, runsAtOnce)));
  while (!(await deleteEventsIn(db, id)));
  if (!(await purgeNamespace(database, id))) return 'draining';
  signal('namespaces');
  await namespaces.refresh().catch(() => {});
  return 'gone';
}
