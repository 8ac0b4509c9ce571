/** A replica of the service from `dist`, as a process. */

import { createInterface } from 'node:readline';
import { poll } from '../../test/poll.ts';
import { createGuard } from '../../test/services/guard.ts';
import { nodeArguments } from '../../test/services/program.ts';
import { createScratchFolder } from '../../test/services/scratch.ts';
import type { Later } from './cleanup.ts';

export type Replica = {
  pid: number;
  url: string;
  port: number;
  /** `performance.now()` at which it was started. */
  startedAt: number;
  /** Resolves with the `performance.now()` at which the log said this first. */
  saw(message: string): Promise<number>;
  /** SIGTERM, and the end of it. */
  stop(): Promise<void>;
};

export type ReplicaOptions = {
  databaseUrl: string;
  /** Null = without Redis. */
  redisUrl: string | null;
  /** Further settings. */
  env?: Record<string, string>;
  /** For Node, before the program. */
  nodeArguments?: string[];
  /** False = it need only listen. Default true. */
  waitUntilReady?: boolean;
};

/** Starts one and waits until it is ready, or at least listens. Its warnings and errors are shown. */
export async function startReplica(later: Later, options: ReplicaOptions): Promise<Replica> {
  const folder = await createScratchFolder(undefined);
  const guard = createGuard({ signal: 'KILL', folder });
  const startedAt = performance.now();
  const child = guard.spawn(process.execPath, [...(options.nodeArguments ?? []), ...nodeArguments], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      DATABASE_URL: options.databaseUrl,
      ...(options.redisUrl === null ? {} : { REDIS_URL: options.redisUrl }),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => void child.on('exit', () => resolve()));
  const seen = new Map<string, number>();
  let url = '';
  if (child.stdout === null) throw new Error('no output to read');
  createInterface({ input: child.stdout }).on('line', (line) => {
    const entry = JSON.parse(line) as { level: string; msg: string; url?: string };
    if (!seen.has(entry.msg)) seen.set(entry.msg, performance.now());
    if (entry.msg === 'listening') url = entry.url ?? '';
    if (entry.level === 'error' || entry.level === 'fatal') console.error(line);
  });
  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    await Promise.race([exited, new Promise((resolve) => setTimeout(resolve, 30_000).unref())]);
    await guard.close();
  }
  later(stop);
  const saw = (message: string) =>
    poll(() => seen.get(message) ?? false, { what: `a replica to say "${message}"`, withinMs: 120_000, everyMs: 1 });
  await saw('listening');
  if (options.waitUntilReady !== false)
    await poll(async () => (await fetch(new URL('/readyz', url))).status === 200, {
      what: 'a replica to be ready',
      withinMs: 120_000,
    });
  return { pid: child.pid ?? 0, url: url.replace(/\/$/, ''), port: Number(new URL(url).port), startedAt, saw, stop };
}

/** Waits until every replica has so many tasks in its timetable. */
export async function untilLoaded(replica: Replica, replicas: number, tasks: number): Promise<void> {
  await poll(
    async () => {
      const answer = await fetch(`${replica.url}/cluster`);
      const cluster = (await answer.json()) as { replicas: { tasksLoaded: number }[] };
      return cluster.replicas.length === replicas && cluster.replicas.every(({ tasksLoaded }) => tasksLoaded === tasks);
    },
    { what: `${replicas} replicas to have ${tasks} tasks each`, withinMs: 300_000, everyMs: 100 },
  );
}

/** Creates a task through the API. */
export async function createTask(replica: Replica, task: Record<string, unknown>): Promise<Record<string, unknown>> {
  const answer = await fetch(`${replica.url}/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(task),
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`POST /tasks was answered ${answer.status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

export async function deleteTask(replica: Replica, id: string): Promise<void> {
  const { status } = await fetch(`${replica.url}/tasks/${id}`, { method: 'DELETE' });
  if (status !== 204 && status !== 404) throw new Error(`DELETE /tasks/${id} was answered ${status}`);
}

/** The value of a metric without labels. */
export async function readMetric(replica: Replica, name: string): Promise<number> {
  const text = await (await fetch(`${replica.url}/metrics`)).text();
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`there is no metric ${name}`);
  return Number(value);
}
