/** Gives a test file a migrated database of its own. */

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { startEmbedded } from './embedded.ts';
import { atFileEnd } from './file-end.ts';
import { migrateNow } from './migrate.ts';

export type TestDatabase = {
  /** For `DATABASE_URL`. */
  url: string;
};

/**
 * A fresh, migrated, empty database, dropped after the test file: a clone of the template, or, without a Postgres, an
 * embedded one in a process of its own (with one session shared by all connections, see `noPostgres`).
 */
export async function createDatabase(): Promise<TestDatabase> {
  const provided = inject('postgres');
  if (provided.kind === 'embedded') {
    const embedded = await startEmbedded();
    atFileEnd(() => embedded.close());
    await migrateNow(embedded.url);
    return { url: embedded.url };
  }
  return { url: await makeDatabase(provided, `TEMPLATE ${provided.template}`) };
}

/** The address of an empty, unmigrated database on the server of the tests. Rejects where `noPostgres`. */
export async function emptyDatabase(): Promise<string> {
  const provided = inject('postgres');
  if (provided.kind === 'embedded') throw new Error('needs a server');
  return makeDatabase(provided, '');
}

async function makeDatabase(
  { adminUrl, template }: { adminUrl: string; template: string },
  from: string,
): Promise<string> {
  // The part before the template's last word is the name of this run, see template.ts.
  const name = template.replace(/[^_]*$/, randomBytes(6).toString('hex'));
  await execute(adminUrl, `CREATE DATABASE ${name} ${from}`);
  atFileEnd(() => execute(adminUrl, `DROP DATABASE ${name} WITH (FORCE)`));
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // The call rejects too.
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
