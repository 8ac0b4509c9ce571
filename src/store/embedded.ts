/** stub */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
export type EmbeddedStore = {
  connection: { host: string; port: number; user: string; database: string };
  stop(): Promise<void>;
};
export async function startEmbedded(_o: {
  dataDir: string;
  clock: Clock;
  log: Logger;
}): Promise<{ ok: true; value: EmbeddedStore } | { ok: false; errors: string }> {
  return { ok: false, errors: 'stub' };
}
