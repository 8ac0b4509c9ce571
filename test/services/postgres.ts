/** Gives a test file a Postgres server of its own, to crash and restart it. */

import { inject } from 'vitest';
import { atFileEnd } from './file-end.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

/**
 * For `describe.skipIf(noOwnPostgres)`: Postgres' programs are not at hand, only a server's address, or nothing at all.
 */
export const noOwnPostgres: boolean = ownBinaries() === null;

/**
 * A new server, gone after the test file, with an empty, unmigrated database `postgres`. It keeps what was committed
 * over a crash, unlike the servers of the other tests; `settings` are Postgres' own. Rejects where `noOwnPostgres`.
 */
export async function createPostgres(settings: Record<string, string> = {}): Promise<Omit<PostgresServer, 'close'>> {
  const binaries = ownBinaries();
  if (binaries === null)
    throw new Error('no programs of Postgres: put describe.skipIf(noOwnPostgres) around what needs them');
  const durable = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' };
  const server = await startPostgres(binaries, { ...durable, ...settings });
  atFileEnd(() => server.close());
  return server;
}

function ownBinaries(): string | null {
  const provided = inject('postgres');
  return provided.kind === 'server' ? provided.binaries : null;
}
