/**
 * Makes sure of the database before a replica begins: that it can be used, has this version's schema, and gives the
 * rights.
 */

import type { Clock } from '../clock.ts';
import { ok, type Result } from '../errors.ts';
import type { Logger } from '../observability/log.ts';
import { type Cluster, readCluster } from '../store/cluster/cluster.ts';
import { describeFailure, isForbidden } from '../store/postgres/failure.ts';
import { MigrationBlocked, migrate, missingMigrations, UnreleasedSchema } from '../store/postgres/migrate.ts';
import { forgetFuture } from '../store/postgres/restored.ts';
import type { Connection } from '../store/postgres/route.ts';
import { checkDatabase, checkSessions } from '../store/postgres/suitability.ts';
import type { Pools } from './pools.ts';

export type PreparationOptions = {
  pools: Pools;
  /** The replica's own connection. */
  own: Connection;
  /** The connection of the owner of the tables, the only role that may change them; null where it is the same. */
  owner: Connection | null;
  clock: Clock;
  log: Logger;
  /** Called with a sentence when only an operator can help. */
  onFatal: (reason: string) => void;
};

export type Preparation = {
  /**
   * The cluster of the database; null after `onFatal`. Rejects where Postgres cannot be used now: to be tried again.
   */
  prepare(): Promise<Cluster | null>;
  /** Why the last try failed. */
  fault(): string;
};

export function createPreparation(options: PreparationOptions): Preparation {
  let why: string | null = null;
  return {
    async prepare() {
      try {
        const prepared = await prepareDatabase(options);
        if (prepared.ok) return prepared.value;
        options.onFatal(`Punctual cannot start: ${prepared.errors}`);
        return null;
      } catch (error) {
        why = describeFailure(error);
        throw new Error('Postgres cannot be used yet; trying again every second', { cause: error });
      }
    },
    fault: () => `not reached since the start${why ? `: ${why}` : ''}`,
  };
}

async function prepareDatabase({
  pools,
  own,
  owner,
  clock,
  log,
}: PreparationOptions): Promise<Result<Cluster, string>> {
  const db = pools.other.pool;
  const sessions = await checkSessions(pools.other, [pools.lease, pools.api]);
  if (!sessions.ok) return sessions;
  const database = await checkDatabase(db);
  if (!database.ok) return database;
  try {
    const missing = (await missingMigrations(db)).length;
    if (missing > 0) {
      log.info({ migrations: missing }, 'bringing the database up to date');
      const migrated = await migrateAs(owner ?? own, owner !== null, { clock, log });
      if (!migrated.ok) return migrated;
      if ((await missingMigrations(db)).length > 0)
        return refuse(
          'MIGRATION_DATABASE_URL leads to another database or schema than DATABASE_URL: their search_path must be the same',
        );
    }
    await forgetFuture(db);
    const cluster = await readCluster(db);
    if (sessions.value.pooled)
      log.warn(
        { connections: pools.size },
        'Postgres is reached through a pooler in session mode: its pool must have room for this many connections of each ' +
          'replica (default_pool_size in PgBouncer is 20), or POOL_API, POOL_CLAIMS and POOL_ENGINE must be lower',
      );
    return ok(cluster);
  } catch (error) {
    if (error instanceof UnreleasedSchema) return refuse(error.message);
    if (!isForbidden(error)) throw error;
    return refuse(
      `the role of DATABASE_URL lacks a right (${(error as Error).message}): it needs SELECT, INSERT, UPDATE and DELETE on all ` +
        'tables in the schema, and USAGE of the schema',
    );
  }
}

async function migrateAs(
  migration: Connection,
  hasOwner: boolean,
  options: { clock: Clock; log: Logger },
): Promise<Result<void, string>> {
  try {
    await migrate(migration, options);
    return ok(undefined);
  } catch (error) {
    if (error instanceof MigrationBlocked) return refuse(`the database cannot be migrated: ${error.message}`);
    if (!isForbidden(error)) throw error;
    const setting = hasOwner ? 'MIGRATION_DATABASE_URL' : 'DATABASE_URL';
    return refuse(
      `the database must be migrated, and the role of ${setting} may not do that (${(error as Error).message}): ` +
        'set MIGRATION_DATABASE_URL to the connection of the owner of the tables, or run the command migrate with it',
    );
  }
}

const refuse = (sentence: string): { ok: false; errors: string } => ({ ok: false, errors: sentence });
