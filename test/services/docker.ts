/** Starts a Postgres or a Redis in a container, for machines that have Docker but not the programs. */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { poll } from '../poll.ts';
import { createGuard } from './guard.ts';
import { askRedis } from './redis-command.ts';
import { randomPassword } from './scratch.ts';

const run = promisify(execFile);

export type Container = { url: string; close(): Promise<void> };

/** Whether a Docker daemon answers. */
export async function dockerRuns(): Promise<boolean> {
  return run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

export async function startPostgresContainer(): Promise<Container> {
  const password = randomPassword();
  const settings = [
    'fsync=off',
    'full_page_writes=off',
    'synchronous_commit=off',
    'max_connections=300',
    'timezone=UTC',
  ];
  return startContainer({
    options: ['--env', 'POSTGRES_USER=punctual', '--env', `POSTGRES_PASSWORD=${password}`],
    image: 'postgres:17-alpine',
    command: settings.flatMap((setting) => ['-c', setting]),
    port: 5432,
    urlAt: (address) => `postgres://punctual:${password}@${address}/postgres`,
    async probe(url) {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
      client.on('error', () => {});
      await client.connect();
      await client.end();
    },
  });
}

export async function startRedisContainer(): Promise<Container> {
  const password = randomPassword();
  return startContainer({
    options: [],
    image: 'redis:7-alpine',
    command: ['redis-server', '--save', '', '--requirepass', password],
    port: 6379,
    urlAt: (address) => `redis://:${password}@${address}/0`,
    probe: (url) => askRedis(url, (redis) => redis.ping()),
  });
}

type ContainerOptions = {
  options: string[];
  image: string;
  command: string[];
  /** Inside; outside it is one that Docker chooses on loopback. */
  port: number;
  urlAt(address: string): string;
  /** Rejects while the server is not ready. */
  probe(url: string): Promise<unknown>;
};

async function startContainer(wanted: ContainerOptions): Promise<Container> {
  const name = `punctual-test-${randomBytes(6).toString('hex')}`;
  const guard = createGuard({ signal: 'KILL' });
  guard.container(name);
  try {
    const publish = ['--publish', `127.0.0.1::${wanted.port}`];
    // Three minutes: the image may have to be fetched.
    await run(
      'docker',
      ['run', '--detach', '--rm', '--name', name, ...publish, ...wanted.options, wanted.image, ...wanted.command],
      {
        timeout: 180_000,
      },
    );
    const { stdout } = await run('docker', ['port', name, `${wanted.port}/tcp`], { timeout: 10_000 });
    const address = stdout.split('\n')[0]?.trim() ?? '';
    const url = wanted.urlAt(address);
    await poll(() => wanted.probe(url).then(() => true), {
      what: `${wanted.image} to take connections`,
      withinMs: 60_000,
      everyMs: 200,
    });
    return { url, close: () => guard.close() };
  } catch (error) {
    await guard.close();
    throw error;
  }
}
