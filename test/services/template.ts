/** Makes the one migrated database that every test file's database is a clone of. */

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrateNow } from './migrate.ts';

export type Template = {
  /** Its name, `punctual_test_<run>_template`; the clones share all but the last word. */
  name: string;
  /** Drops it and every clone that is still there. */
  drop(): Promise<void>;
};

/**
 * `adminUrl` is a database whose user may create databases. Its connection stays open as the sign that this run lives;
 * databases of runs that died without clearing up are dropped.
 */
export async function createTemplate(adminUrl: string): Promise<Template> {
  const run = `punctual_test_${randomBytes(4).toString('hex')}`;
  const client = new pg.Client({
    connectionString: adminUrl,
    application_name: run,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  client.on('error', () => {}); // The next query rejects too.
  await client.connect();

  async function dropAll(names: string[]): Promise<void> {
    for (const name of names) await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }

  const { rows: leftovers } = await client.query<{ datname: string }>(
    `SELECT datname FROM pg_database
     WHERE datname ~ '^punctual_test_[0-9a-f]{8}_[a-z0-9]+$'
       AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = substring(datname FROM '^punctual_test_[0-9a-f]{8}'))`,
  );
  await dropAll(leftovers.map(({ datname }) => datname));

  const name = `${run}_template`;
  await client.query(`CREATE DATABASE ${name}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  await migrateNow(url.href);
  // A database that somebody is connected to cannot be cloned.
  await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);

  return {
    name,
    async drop() {
      const { rows } = await client.query<{ datname: string }>(
        'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
        [run],
      );
      await dropAll(rows.map(({ datname }) => datname));
      await client.end();
    },
  };
}
