/** Opens the embedded store of a replica, and looks after it. */

import type { Clock } from '../clock.ts';
import { type Loop, startLoop } from '../engine/loop.ts';
import type { Logger } from '../observability/log.ts';
import { type EmbeddedStore, startEmbedded } from '../store/embedded/embedded.ts';
import { maintain } from '../store/embedded/maintenance.ts';
import type { Database } from '../store/postgres/database.ts';

type Opening = { clock: Clock; log: Logger; onFatal: (reason: string) => void };

const maintenanceEveryMs = 10 * 60_000;

/** Rejects with a sentence for people when the store cannot be opened. */
export async function openEmbedded(dataDir: string, { clock, log, onFatal }: Opening): Promise<EmbeddedStore> {
  const opened = await startEmbedded({
    dataDir,
    clock,
    onNew: (folder) => log.info({ folder }, 'making the embedded store; this first start takes some seconds'),
    onDeath: (reason) => onFatal(`the embedded store died: ${reason}`),
  });
  if (!opened.ok) throw new Error(opened.errors);
  return opened.value;
}

/** Nothing else vacuums the embedded store. */
export function maintainEmbedded(database: Database, { clock, log }: Omit<Opening, 'onFatal'>): Loop {
  return startLoop({
    name: 'vacuum',
    clock,
    log,
    retryMs: maintenanceEveryMs,
    step: async () => {
      await maintain(database);
      return maintenanceEveryMs;
    },
  });
}
