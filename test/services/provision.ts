/** Finds or fetches a Postgres and a Redis, in a fixed order; says of each way that was tried why it did not do. */

import { installPackages, mayInstallPackages } from './apt.ts';
import { type Container, dockerRuns, startPostgresContainer, startRedisContainer } from './docker.ts';
import { findPostgres, findRedis, pathFolders, postgresFolders } from './find-binaries.ts';
import { startPostgres } from './postgres-server.ts';
import type { ProvidedPostgres, ProvidedRedis } from './provided.ts';
import { startRedis } from './redis-server.ts';

export type Provision<T> = { service: T; close(): Promise<void> };

/** A Postgres server without its template yet. */
type FoundPostgres =
  | Omit<Extract<ProvidedPostgres, { kind: 'server' }>, 'template'>
  | Extract<ProvidedPostgres, { kind: 'embedded' }>;

/** The ways, replaceable so that each can be tried on a machine that has all of them. */
export type Ways = {
  environment: { TEST_DATABASE_URL?: string | undefined; TEST_REDIS_URL?: string | undefined };
  findPostgres(): Promise<string | undefined>;
  findRedis(): Promise<string | undefined>;
  dockerRuns(): Promise<boolean>;
  mayInstallPackages(): Promise<boolean>;
  installPackages(names: string[]): Promise<void>;
  /** Tells whoever is waiting. */
  say(line: string): void;
};

export const machineWays: Ways = {
  environment: process.env,
  findPostgres: async () => {
    const { TEST_POSTGRES_BIN: folder } = process.env;
    return findPostgres(folder ? [folder] : [...pathFolders(), ...(await postgresFolders())]);
  },
  findRedis: () => findRedis(pathFolders()),
  dockerRuns,
  mayInstallPackages,
  installPackages,
  say: (line) => process.stderr.write(`${line}\n`),
};

const nothing = async (): Promise<void> => {};

/**
 * Both services, each from the first way that works. Never rejects for want of one: then it is `embedded` or `none`.
 */
export async function provision(
  ways: Ways,
): Promise<{ postgres: Provision<FoundPostgres>; redis: Provision<ProvidedRedis> }> {
  const why = { postgres: [] as string[], redis: [] as string[] };

  /** Tries one way; a failure is noted, not thrown. */
  async function attempt<T>(
    of: 'postgres' | 'redis',
    way: string,
    run: () => Promise<T | string>,
  ): Promise<T | undefined> {
    const result = await run().catch((error: Error) => String(error.message).trim());
    if (typeof result !== 'string') return result;
    why[of].push(`${way}: ${result}`);
    return undefined;
  }

  const postgresByPrograms = () =>
    attempt<Provision<FoundPostgres>>('postgres', 'programs on this machine', async () => {
      const binaries = await ways.findPostgres();
      if (!binaries) return 'none found';
      const server = await startPostgres(binaries);
      return { service: { kind: 'server', adminUrl: server.url, binaries }, close: () => server.close() };
    });
  const redisByPrograms = () =>
    attempt<Provision<ProvidedRedis>>('redis', 'programs on this machine', async () => {
      const path = await ways.findRedis();
      if (!path) return 'none found';
      await (await startRedis(path)).close(); // Test files start their own; this only shows that it can be.
      return { service: { kind: 'binary', path }, close: nothing };
    });
  const byDocker = <T>(of: 'postgres' | 'redis', start: () => Promise<Container>, service: (url: string) => T) =>
    attempt<Provision<T>>(of, 'Docker', async () => {
      if (!(await ways.dockerRuns())) return 'not running';
      ways.say(`Tests: starting ${of} in a container`);
      const container = await start();
      return { service: service(container.url), close: () => container.close() };
    });

  const { TEST_DATABASE_URL: databaseUrl, TEST_REDIS_URL: redisUrl } = ways.environment;
  let [postgres, redis] = await Promise.all([
    databaseUrl
      ? {
          service: { kind: 'server', adminUrl: databaseUrl, binaries: (await ways.findPostgres()) ?? null } as const,
          close: nothing,
        }
      : ((await postgresByPrograms()) ??
        byDocker<FoundPostgres>('postgres', startPostgresContainer, (adminUrl) => ({
          kind: 'server',
          adminUrl,
          binaries: null,
        }))),
    redisUrl
      ? { service: { kind: 'url', url: redisUrl } as const, close: nothing }
      : ((await redisByPrograms()) ??
        byDocker<ProvidedRedis>('redis', startRedisContainer, (url) => ({ kind: 'url', url }))),
  ]);

  if (!(postgres && redis) && (await ways.mayInstallPackages())) {
    const packages = [...(postgres ? [] : ['postgresql']), ...(redis ? [] : ['redis-server'])];
    ways.say(`Tests: installing ${packages.join(' and ')} by apt-get`);
    const installed = await ways.installPackages(packages).then(
      () => true,
      (error: Error) => {
        for (const reasons of [why.postgres, why.redis]) reasons.push(`apt-get: ${error.message.trim()}`);
        return false;
      },
    );
    if (installed) {
      postgres ??= await postgresByPrograms();
      redis ??= await redisByPrograms();
    }
  }
  return {
    postgres: postgres ?? { service: { kind: 'embedded', reason: why.postgres.join('; ') }, close: nothing },
    redis: redis ?? { service: { kind: 'none', reason: why.redis.join('; ') }, close: nothing },
  };
}
