/** Where the tests' own Postgres and Redis come from, and that nothing of them stays. */

import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { startEmbedded } from '../../services/embedded.ts';
import { findPostgres, findRedis } from '../../services/find-binaries.ts';
import { createGuard } from '../../services/guard.ts';
import { noOwnPostgres } from '../../services/postgres.ts';
import { provision, type Ways } from '../../services/provision.ts';

/** A machine that has nothing and may nothing. */
const bare: Ways = {
  environment: {},
  findPostgres: async () => undefined,
  findRedis: async () => undefined,
  dockerRuns: async () => false,
  mayInstallPackages: async () => false,
  installPackages: () => Promise.reject(new Error('not to be called')),
  say: () => {},
};

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-test-'));
  await chmod(folder, 0o755); // Servers run as another user when we are root.
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function fakeProgram(folder: string, name: string, output: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\necho '${output}'\n`);
  await chmod(join(folder, name), 0o755);
}

test('addresses in the environment come first', async () => {
  const { postgres, redis } = await provision({
    ...bare,
    environment: { TEST_DATABASE_URL: 'postgres://u@h/d', TEST_REDIS_URL: 'redis://h' },
    dockerRuns: async () => true,
  });
  expect(postgres.service).toEqual({ kind: 'server', adminUrl: 'postgres://u@h/d', binaries: null });
  expect(redis.service).toEqual({ kind: 'url', url: 'redis://h' });
});

test('with nothing at all it is the embedded store and no Redis, and why is said of each way', async () => {
  const { postgres, redis } = await provision({
    ...bare,
    mayInstallPackages: async () => true,
    installPackages: () => Promise.reject(new Error('no network')),
  });
  const reason = 'programs on this machine: none found; Docker: not running; apt-get: no network';
  expect(postgres.service).toEqual({ kind: 'embedded', reason });
  expect(redis.service).toEqual({ kind: 'none', reason });
});

test.skipIf(noOwnPostgres)('packages are installed for what is missing only, and then used', async () => {
  const provided = inject('postgres');
  const binaries = provided.kind === 'server' ? provided.binaries : null;
  const asked: string[][] = [];
  const { postgres, redis } = await provision({
    ...bare,
    environment: { TEST_REDIS_URL: 'redis://h' },
    findPostgres: async () => (asked.length > 0 ? (binaries ?? undefined) : undefined),
    mayInstallPackages: async () => true,
    installPackages: async (names) => void asked.push(names),
  });
  await postgres.close();
  expect(asked).toEqual([['postgresql']]);
  expect(postgres.service).toMatchObject({ kind: 'server', binaries });
  expect(redis.service.kind).toBe('url');
});

test('programs that do not start are passed over, with what they said', async () => {
  const folder = await scratch();
  await fakeProgram(folder, 'redis-server', 'Redis server v=7.0.0');
  const { redis } = await provision({ ...bare, findRedis: () => findRedis([folder]) });
  expect(redis.service).toMatchObject({ kind: 'none', reason: expect.stringContaining('Redis ended at once') });
});

test('programs too old are not found, either name of Redis is', async () => {
  const [old, fresh] = [await scratch(), await scratch()];
  await fakeProgram(old, 'redis-server', 'Redis server v=6.0.16 sha=00000000:0');
  await fakeProgram(fresh, 'valkey-server', 'Valkey server v=8.1.1 sha=00000000:0');
  for (const [folder, version] of [
    [old, '13.9'],
    [fresh, '17.2'],
  ] as const) {
    await fakeProgram(folder, 'initdb', '');
    await fakeProgram(folder, 'postgres', `postgres (PostgreSQL) ${version} (Debian)`);
  }
  expect(await findRedis([old])).toBeUndefined();
  expect(await findRedis([old, fresh])).toBe(join(fresh, 'valkey-server'));
  expect(await findPostgres([old])).toBeUndefined();
  expect(await findPostgres([old, fresh])).toBe(fresh);
});

test('the last resort is an embedded store that takes several connections', async () => {
  const embedded = await startEmbedded();
  expect(new URL(embedded.url).hostname).toBe('127.0.0.1');
  await embedded.close();
});

test('whoever forgets to end what it started leaves nothing behind all the same', async () => {
  const folder = await scratch();
  await writeFile(join(folder, 'file'), '');
  const guard = createGuard({ signal: 'KILL', folder });
  const child = guard.spawn('sleep', ['600'], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  expect(await readdir(folder)).toEqual(['file']);
  await guard.close(); // The same to the guard as the death of this process: its input ends.
  expect(await exited).toEqual([null, 'SIGKILL']);
  await expect(stat(folder)).rejects.toThrow('ENOENT');
});
