/** Brings a database up to the schema of this version. */

import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';

/** An arbitrary number that all versions of Punctual agree on ("punctual" in base 36, cut to 31 bits). */
const migrationLock = 1_215_472_310;

const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));

/**
 * Applies what is missing under an advisory lock: drizzle's migrator does not keep two replicas that start together apart.
 * Rejects when the database cannot be reached or refuses a statement.
 */
export async function migrate(connection: string | pg.ClientConfig): Promise<void> {
  const config = typeof connection === 'string' ? { connectionString: connection } : connection;
  const client = new pg.Client({ ...config, application_name: 'punctual migrate', connectionTimeoutMillis: 5_000 });
  client.on('error', () => {}); // A connection lost in the middle also rejects the statement under way.
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await client.query("set client_min_messages = 'warning'");
    await applyMigrations(drizzle(client), {
      migrationsFolder,
      migrationsSchema: 'public',
      migrationsTable: 'schema_migrations',
    });
    // Of a dump that was restored into a younger cluster: the change feed would read these tasks with every poll.
    await client.query('update tasks set changed_in = pg_current_xact_id() where changed_in > pg_current_xact_id()');
  } finally {
    await client.end();
  }
}
