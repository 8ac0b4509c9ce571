/** The work of a replica that goes through use cases: ends of namespaces, bulk changes. */

import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/engine.ts';
import { type Loop, startLoop } from '../engine/loop.ts';
import type { Logger } from '../observability/log.ts';
import type { Database } from '../store/postgres/database.ts';
import { finishClosing } from '../usecases/access/finish-closing.ts';
import { workOnBulk } from '../usecases/bulk/work-on-bulk.ts';
import type { UseCaseContext } from '../usecases/context.ts';
import type { FollowedNamespaces } from './namespaces.ts';

type Background = {
  /** For work that must not take connections from requests. */
  other: Database;
  namespaces: FollowedNamespaces;
  clock: Clock;
  log: Logger;
  /** The time of the database is known. */
  started: () => boolean;
  /** Null before it has begun. */
  engine: () => Pick<Engine, 'callsWait'> | null;
};

const idleMs = 1_000;
/** Between two pieces, so that others come between. */
const restMs = 10;
const pauseMs = 100;
const pieceSize = 40;
/** During a burst of calls. */
const smallPiece = 4;

/** Begins it. The database has to be ready. */
export async function startBackground(
  useCases: UseCaseContext,
  { other, namespaces, clock, log, started, engine }: Background,
): Promise<Loop[]> {
  const loops = await namespaces.follow((id) => finishClosing({ ...useCases, database: other }, id));
  const bulk = startLoop({
    ...{ name: 'bulk changes', clock, log, retryMs: idleMs },
    async step() {
      if (!started()) return idleMs;
      const isBusy = engine()?.callsWait() ?? false;
      const hasMore = await workOnBulk({ ...useCases, database: other }, isBusy ? smallPiece : pieceSize);
      if (!hasMore) return idleMs;
      return isBusy ? pauseMs : restMs;
    },
  });
  return [...loops, bulk];
}
