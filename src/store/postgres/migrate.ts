/** Brings a database up to the schema of this version. */

import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import type pg from 'pg';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import { type Database, openDatabase, type Queryable } from './database.ts';
import { forgetFuture } from './restored.ts';
import type { Connection } from './route.ts';

/** An arbitrary number that all versions of Punctual agree on ("punctual" in base 36, cut to 31 bits). */
const migrationLock = 1_215_472_310;

const migrationsFolder = fileURLToPath(new URL('../../../migrations', import.meta.url));

/** How long a lock is waited for at a time, in milliseconds. Other statements queue behind the wait. */
const lockTimeoutMs = 2_000;
const pauseMs = 500;
const sayEveryMs = 10_000;
const connectTimeoutMs = 5_000;
/** An index on years of history takes its time. */
const longestStatementMs = 6 * 3_600_000;
const lookEveryMs = 500;

type Migration = ReturnType<typeof readMigrationFiles>[number];

export type MigrateOptions = {
  clock: Clock;
  log: Logger;
  /** For how long to wait for others, in milliseconds. */
  mostWaitMs?: number;
};

/** The migration has waited for locks of others for as long as it may. */
export class MigrationBlocked extends Error {}

/** The tables were made by an unreleased version, for which there is no migration. */
export class UnreleasedSchema extends Error {}

/**
 * The migrations that this database lacks, oldest first. Reads only, so that a role without other rights can ask.
 * Rejects with an `UnreleasedSchema` where the database does not begin with the first of them.
 */
export async function missingMigrations(db: Queryable): Promise<readonly Migration[]> {
  const all = readMigrationFiles({ migrationsFolder });
  const { rows: found } = await db.query<{ there: boolean }>(
    `select to_regclass('schema_migrations') is not null as there`,
  );
  if (!found[0]?.there) return all;
  const { rows } = await db.query<{ hash: string; created_at: string }>(
    'select hash, created_at from schema_migrations order by created_at',
  );
  if (rows[0] && rows[0].hash !== all[0]?.hash)
    throw new UnreleasedSchema(
      'the tables of this database were made by a version of Punctual before its first release, and cannot be upgraded: ' +
        'give it an empty database, schema or DATA_DIR, and create the tasks there again',
    );
  const last = Number(rows.at(-1)?.created_at ?? 0);
  return all.filter(({ folderMillis }) => folderMillis > last);
}

/**
 * Applies the missing migrations, all of them or none, in the first schema of the connection's `search_path`. One
 * transaction does everything and holds the locks, so nothing is left behind after a failure, also through a pooler.
 * Where others hold needed locks, it logs their names and tries again for a minute. Then it rejects with a
 * `MigrationBlocked`. Rejects also when the database cannot be reached or refuses a statement.
 */
export async function migrate(connection: Connection, options: MigrateOptions): Promise<void> {
  const isEmbedded = 'host' in connection;
  const database = openDatabase({
    ...{ connection, purpose: 'migrate', clock: options.clock, log: options.log, random: () => 0.5 },
    // One connection migrates, one looks which session it waits for. The embedded store has one session only.
    ...{ maxConnections: isEmbedded ? 1 : 2, connectTimeoutMs, timeoutMs: longestStatementMs },
  });
  try {
    await untilApplied(database, isEmbedded, options);
    await forgetFuture(database.pool);
  } finally {
    await database.close();
  }
}

async function untilApplied(database: Database, isEmbedded: boolean, options: MigrateOptions): Promise<void> {
  const { clock, log, mostWaitMs = 60_000 } = options;
  const startedAt = clock.monotonic();
  const holders = new Set<string>();
  for (let saidAt = -Infinity; ; ) {
    try {
      return await applyOnce(database, isEmbedded ? null : { clock, holders });
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code !== '55P03' && code !== '40P01') throw error;
      const now = clock.monotonic();
      const waitedS = Math.round((now - startedAt) / 1_000);
      const forWhom = [...holders].join(', ') || 'another session';
      if (now - startedAt >= mostWaitMs)
        throw new MigrationBlocked(`waited ${waitedS} s for locks that are held by ${forWhom}`, { cause: error });
      if (now - saidAt >= sayEveryMs) {
        log.warn({ waitedMs: now - startedAt }, `the migration waits for locks that are held by ${forWhom}`);
        saidAt = now;
      }
    }
    await new Promise<void>((resume) => clock.after(pauseMs, resume));
  }
}

type Watching = { clock: Clock; holders: Set<string> } | null;

async function applyOnce(database: Database, watching: Watching): Promise<void> {
  if ((await missingMigrations(database.pool)).length === 0) return;
  const client = await database.pool.connect();
  let broken: Error | undefined;
  let endWatch = () => {};
  try {
    if (watching) endWatch = await watch(database, client, watching);
    await client.query(`begin isolation level read committed; set local lock_timeout = ${lockTimeoutMs};
      set local client_min_messages = 'warning'`);
    await client.query(`select pg_advisory_xact_lock(${migrationLock})`);
    await client.query(
      'create table if not exists schema_migrations (id serial primary key, hash text not null, created_at bigint)',
    );
    // Another replica may have migrated meanwhile.
    for (const { sql, hash, folderMillis } of await missingMigrations(client)) {
      for (const statement of sql) await client.query(statement);
      await client.query('insert into schema_migrations (hash, created_at) values ($1, $2)', [hash, folderMillis]);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    endWatch();
    client.release(broken);
  }
}

/** Logs the holders of the locks that the client waits for; gives back a function that ends this. */
async function watch(
  { pool }: Database,
  client: pg.PoolClient,
  { clock, holders }: NonNullable<Watching>,
): Promise<() => void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  let timer = clock.after(lookEveryMs, look);

  function look(): void {
    timer = clock.after(lookEveryMs, look);
    // A role without the right to see more sees at least the number of the process.
    pool
      .query<{ pid: number; name: string | null; state: string | null; since: number | null }>(
        `select h.pid, a.application_name as name, a.state, extract(epoch from clock_timestamp() - a.xact_start)::integer as since
         from unnest(pg_blocking_pids($1)) as h(pid) left join pg_stat_activity a using (pid)`,
        [rows[0]?.pid],
      )
      .then(
        (found) => {
          if (found.rows.length > 0) holders.clear();
          for (const { pid, name, state, since } of found.rows)
            holders.add(
              [`process ${pid}`, name && `"${name}"`, state && `(${state})`, since !== null && `for ${since} s`]
                .filter(Boolean)
                .join(' '),
            );
        },
        () => {},
      );
  }
  return () => timer.cancel();
}
