/** The namespaces of a replica: keeps their rules in memory, and drops the metrics of those that are gone. */

import type { Clock } from '../clock.ts';
import type { Namespaces } from '../domain/access/namespace-rules.ts';
import { createNamespaceView } from '../engine/cluster/namespace-view.ts';
import { type Loop, startLoop } from '../engine/loop.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Queryable } from '../store/postgres/database.ts';

export type FollowedNamespaces = Namespaces & {
  /**
   * Reads all of them, and from then on what changes. `finish` goes on with the end of one that is being deleted; no
   * change of others waits for it.
   */
  follow(finish: (id: string) => Promise<unknown>): Promise<Loop[]>;
  /** Something has changed. */
  wake(): void;
};

const everyMs = 1_000;

export function createNamespaces(
  db: Queryable,
  { clock, log, metrics }: { clock: Clock; log: Logger; metrics: Pick<Metrics, 'forgetNamespace'> },
): FollowedNamespaces {
  const view = createNamespaceView(db);
  view.onChange((ids) => {
    for (const id of ids) if (view.rulesOf(id) === null) metrics.forgetNamespace(id);
  });
  let loop: Loop | null = null;
  return {
    ...view,
    wake: () => loop?.wake(),
    async follow(finish) {
      await view.refresh();
      const finishing = startLoop({
        ...{ name: 'ends of namespaces', clock, log, retryMs: everyMs },
        async step() {
          const failed = (await eachInTurn(view.closing(), finish))[0];
          if (failed !== undefined) throw failed.error;
          return everyMs;
        },
      });
      const reading = startLoop({
        ...{ name: 'namespaces', clock, log, retryMs: everyMs },
        async step() {
          await view.refresh();
          if (view.closing().length > 0) finishing.wake();
          return everyMs;
        },
      });
      loop = reading;
      return [reading, finishing];
    },
  };
}

/** Does `work` for one after the other, also after a failure. Gives the failures. */
async function eachInTurn(
  ids: readonly string[],
  work: (id: string) => Promise<unknown>,
): Promise<{ error: unknown }[]> {
  const failed: { error: unknown }[] = [];
  for (const id of ids) await work(id).catch((error: unknown) => failed.push({ error }));
  return failed;
}
