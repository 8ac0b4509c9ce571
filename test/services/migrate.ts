/** Migrates a database of the tests as a replica does. */

import { systemClock } from '../../src/clock.ts';
import { type MigrateOptions, migrate } from '../../src/store/postgres/migrate.ts';
import type { Connection } from '../../src/store/postgres/route.ts';
import { silent } from '../silent-log.ts';

export function migrateNow(connection: string | Connection, options: Partial<MigrateOptions> = {}): Promise<void> {
  const where = typeof connection === 'string' ? { connectionString: connection } : connection;
  return migrate(where, { clock: systemClock, log: silent, ...options });
}
