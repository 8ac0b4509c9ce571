/** Other schedulers, installed for the occasion, on the same work. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Later } from '../apparatus/cleanup.ts';
import { startScript } from '../apparatus/script.ts';
import type { Services } from '../apparatus/services.ts';
import type { Contender } from './contender.ts';

/** The versions that were measured: the newest that run on the Node we support. */
const versions = { bullmq: '6.7.0', 'pg-boss': '11.1.2', 'graphile-worker': '0.18.0' };
/** What BullMQ asks its users to install besides. */
const besides = ['ioredis@5'];

/** Installs them into a folder that goes away with the bench, and starts each as a process. */
export async function startPeers(later: Later, { createDatabase, redis, target }: Services): Promise<Contender[]> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-peers-'));
  later(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'package.json'), '{"private": true}');
  console.error('installing', versions);
  const packages = Object.entries(versions).map(([name, version]) => `${name}@${version}`);
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', ...packages, ...besides], { cwd: folder });
  const names = Object.keys(versions);
  return Promise.all(
    names.map(async (name) => {
      const databaseUrl = await createDatabase(name.replaceAll('-', '_'));
      const script = startScript(later, `${name}.ts`, {
        PACKAGES: folder,
        DATABASE_URL: databaseUrl,
        REDIS_URL: redis.url,
        TARGET_URL: target.url,
      });
      return {
        name,
        databaseUrl,
        pids: () => [script.pid],
        leadMs: (count) => 6_000 + count / 2,
        prepare: (work) => script.ask('prepare', work),
        settled: () => script.ask('settled'),
        rest: script.rest,
      } satisfies Contender;
    }),
  );
}
