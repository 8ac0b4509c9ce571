import { readFile } from 'node:fs/promises';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import * as accessTables from '../../../../src/store/access/schema.ts';
import * as auditTables from '../../../../src/store/audit/schema.ts';
import * as bulkTables from '../../../../src/store/bulk/schema.ts';
import * as eventTables from '../../../../src/store/events/schema.ts';
import * as limitTables from '../../../../src/store/limits/schema.ts';
import * as logTables from '../../../../src/store/logs/schema.ts';
import * as otherTables from '../../../../src/store/schema.ts';
import * as secretTables from '../../../../src/store/secrets/schema.ts';
import * as statsTables from '../../../../src/store/stats/schema.ts';
import { createDatabase, emptyDatabase } from '../../../services/database.ts';
import { migrateNow } from '../../../services/migrate.ts';
import { noPostgres } from '../../../services/provided.ts';
import { dumpSchema } from '../../../services/schema-dump.ts';

const schema = {
  ...otherTables,
  ...eventTables,
  ...limitTables,
  ...logTables,
  ...accessTables,
  ...secretTables,
  ...auditTables,
  ...bulkTables,
  ...statsTables,
};

type Snapshot = ReturnType<typeof generateDrizzleJson>;

const folder = new URL('../../../../migrations/', import.meta.url);

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(new URL(path, folder), 'utf8')) as T;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * The lines of a dump that drizzle's schema says something about, in any order: a migration adds columns at the end.
 */
function declarable(dump: string): string[] {
  return dump
    .replace(/^CREATE OR REPLACE FUNCTION[\s\S]*?^\$function\$;$/gm, '')
    .replace(/^\) WITH \(.*$/gm, ');')
    .replaceAll(' COLLATE "C"', '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('CREATE TRIGGER'))
    .map((line) => line.replace(/,$/, ''))
    .sort();
}

describe('the migrations and the schema that drizzle sees', () => {
  test('are the same to drizzle-kit: it finds nothing to migrate', async () => {
    const journal = await readJson<{ entries: { idx: number }[] }>('meta/_journal.json');
    const last = String(journal.entries.at(-1)?.idx).padStart(4, '0');
    const snapshot = await readJson<Snapshot>(`meta/${last}_snapshot.json`);
    expect(await generateMigration(snapshot, generateDrizzleJson(schema, snapshot.id))).toEqual([]);
  });

  test.skipIf(noPostgres)('are the same to Postgres, whichever makes the tables', async () => {
    const [{ url: migrated }, generated] = await Promise.all([createDatabase(), emptyDatabase()]);
    const statements = await generateMigration(generateDrizzleJson({}), generateDrizzleJson(schema));
    await withClient(generated, async (client) => {
      for (const statement of statements) await client.query(statement);
    });
    expect(declarable(await withClient(migrated, dumpSchema))).toEqual(
      declarable(await withClient(generated, dumpSchema)),
    );
  });

  test.skipIf(noPostgres)('are what migrations/schema.sql shows', async () => {
    const { url } = await createDatabase();
    await expect(await withClient(url, dumpSchema)).toMatchFileSnapshot('../../../../migrations/schema.sql');
  });
});

describe.skipIf(noPostgres)('migrating', () => {
  test('an empty database from several replicas at the same moment succeeds everywhere, and happens once', async () => {
    const url = await emptyDatabase();
    await Promise.all(Array.from({ length: 4 }, () => migrateNow(url)));
    const journal = await readJson<{ entries: unknown[] }>('meta/_journal.json');
    const applied = await withClient(url, async (client) => {
      const { rows } = await client.query<{ count: number }>('select count(*)::integer from schema_migrations');
      return rows[0]?.count;
    });
    expect(applied).toBe(journal.entries.length);
  });

  test('again changes nothing', async () => {
    const { url } = await createDatabase();
    const before = await withClient(url, dumpSchema);
    await migrateNow(url);
    expect(await withClient(url, dumpSchema)).toEqual(before);
  });

  test('the tables of a version before the first release is refused, and changes nothing', async () => {
    const url = await emptyDatabase();
    await withClient(url, (client) =>
      client.query(`
        create table tasks (id text);
        create table schema_migrations (id serial primary key, hash text not null, created_at bigint);
        insert into schema_migrations (hash, created_at) values ('of 0000_foundation', 1795240155601)`),
    );
    const before = await withClient(url, dumpSchema);
    await expect(migrateNow(url)).rejects.toThrow(/before its first release, and cannot be upgraded: give it an empty/);
    expect(await withClient(url, dumpSchema)).toEqual(before);
  });

  test('a database that cannot be reached is an error, not a wait', async () => {
    await expect(migrateNow('postgres://nobody@127.0.0.1:1/none')).rejects.toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    });
  });
});

test('tasks restored from an older cluster count as changed now, and not for ever', async () => {
  const { url } = await createDatabase();
  await withClient(url, async (client) => {
    await client.query(
      `insert into tasks (id, name, labels, schedule, target, timeout_ms, retry, overlap, misfire, priority, status,
         active_from, created_at, updated_at, changed_in)
       select 'restored', 'n', '{}', '{"manual": true}', '{}', 1, '{}', 'allow', '{}', 5, 'active', now(), now(), now(),
         '9000000000000'`,
    );
  });
  await migrateNow(url);
  await withClient(url, async (client) => {
    const { rows } = await client.query('select changed_in < pg_current_xact_id() as past from tasks');
    expect(rows).toEqual([{ past: true }]);
  });
});
