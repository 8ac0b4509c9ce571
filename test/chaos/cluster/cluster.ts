/** The cluster under test: replicas, each behind wires of its own, with a Postgres and a Redis of the suite's. */

import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { poll } from '../../poll.ts';
import { freePort } from '../../services/port.ts';
import { type PostgresServer, startPostgres } from '../../services/postgres-server.ts';
import { type RedisServer, startRedis } from '../../services/redis-server.ts';
import { type ProcessRecord, recorderNow } from '../history.ts';
import type { Dependency, Plan } from '../plan.ts';
import { fakedByFile, fakedPrograms, findFakeTime } from './fake-time.ts';
import { type ReplicaProcess, startReplicaProcess } from './replica.ts';
import { createWire, type Wire } from './wire.ts';

const run = promisify(execFile);

export type Tools = {
  /** The program under test: a main.js. */
  program: string;
  /** The folder of `initdb` and `postgres`. */
  postgresBinaries: string;
  redisProgram: string;
};

export type Cluster = {
  postgres: PostgresServer;
  redis: RedisServer;
  wires: Record<Dependency, Wire>[];
  /** The process of each replica now; a dead one stays until it is started again. */
  replicas: ReplicaProcess[];
  urls: string[];
  processes: ProcessRecord[];
  /** Starts the replica's process anew and waits until it is ready, if the world around lets it be. */
  start(replica: number): Promise<void>;
  isReady(replica: number): Promise<boolean>;
  /** How far the clock of a replica is off, in seconds; false where there is no libfaketime. */
  setClock(replica: number, seconds: number): Promise<boolean>;
  /** Replicas that are down on purpose. */
  query<T extends object>(text: string, values?: unknown[]): Promise<T[]>;
  close(): Promise<void>;
};

const humblePassword = 'humble';

/**
 * A role that may do nothing but set another one, which has rights to what is in the tables, also of those made later.
 */
async function makeHumble(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`
    create role worker; create role login login password '${humblePassword}' in role worker;
    alter role login set role = worker; alter role login set application_name = 'of the role';
    grant select, insert, update, delete on all tables in schema public to worker;
    grant usage on all sequences in schema public to worker;
    alter default privileges grant all on schemas to worker; alter default privileges grant all on tables to worker; alter default privileges grant all on sequences to worker`);
  await client.end();
}

function humbleUrl(url: string): string {
  const address = new URL(url);
  [address.username, address.password] = ['login', humblePassword];
  address.searchParams.set('application_name', 'x');
  return address.href;
}

/**
 * Where the database gets a time of its own, it is given this much before it matters: servers and replicas have to
 * start.
 */
const setUpMs = 60_000;
/** Characters of the last output of a replica that ended, for the report. */
const mostOutput = 1_000;

export async function startCluster(plan: Plan, tools: Tools, notes: string[]): Promise<Cluster> {
  const library = await findFakeTime();
  let { postgresBinaries } = tools;
  if (plan.databaseSays !== null) {
    if (library === null) notes.push("libfaketime is not installed: the database's clock is as it is");
    else
      postgresBinaries = await fakedPrograms(
        library,
        postgresBinaries,
        (plan.databaseSays - Date.now() - setUpMs) / 1_000,
      );
  }
  const durable = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on', max_connections: '120' };
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of closers.reverse()) await step();
  };
  try {
    const postgres = await startPostgres(postgresBinaries, durable);
    closers.push(() => postgres.close());
    const redis = await startRedis(tools.redisProgram);
    closers.push(() => redis.close());
    if (!plan.redisAtStart) await redis.stop();
    await run(process.execPath, [tools.program, 'migrate'], {
      env: { PATH: process.env.PATH, DATABASE_URL: postgres.url },
    });

    if (plan.humble) await makeHumble(postgres.url);

    const pool = new pg.Pool({
      connectionString: postgres.url,
      max: 3,
      connectionTimeoutMillis: 2_000,
      query_timeout: 20_000,
    });
    pool.on('error', () => {});
    pool.on('connect', (client) => void client.on('error', () => {}));
    closers.push(() => pool.end());

    const clockFolder = await mkdtemp(join(tmpdir(), 'punctual-chaos-'));
    const clockFile = (replica: number) => join(clockFolder, `clock-${replica}`);
    const needsClock = library !== null && plan.faults.some(({ action }) => action.kind === 'clock');
    const places = Array.from({ length: plan.replicas }, (_, replica) => replica);
    const wires = await Promise.all(
      places.map(async () => ({ postgres: await createWire(postgres.url), redis: await createWire(redis.url) })),
    );
    for (const pair of wires) closers.push(() => Promise.all([pair.postgres.close(), pair.redis.close()]));
    const ports = await Promise.all(places.map(() => freePort()));
    const processes: ProcessRecord[] = [];
    const replicas: ReplicaProcess[] = [];

    async function isReady(replica: number): Promise<boolean> {
      const answer = await fetch(`http://127.0.0.1:${ports[replica]}/readyz`, { signal: AbortSignal.timeout(2_000) });
      return answer.status === 200;
    }

    async function startNow(replica: number): Promise<void> {
      const wire = wires[replica] as Record<Dependency, Wire>;
      const env: Record<string, string> = {
        DATABASE_URL: plan.humble ? humbleUrl(wire.postgres.url) : wire.postgres.url,
        ...(!plan.humble && { REDIS_URL: wire.redis.url }),
        LEASE_TTL: `${plan.leaseMs}ms`,
        TARGET_DENY: 'none',
        ...(plan.slots !== null && { MAX_CONCURRENT_RUNS: String(plan.slots) }),
      };
      if (needsClock && library !== null) {
        await writeFile(clockFile(replica), '+0');
        Object.assign(env, fakedByFile(library, clockFile(replica)));
      }
      const started = await startReplicaProcess({ program: tools.program, replica, port: ports[replica] ?? 0, env });
      processes.push(started.record);
      replicas[replica] = started;
      await poll(() => isReady(replica), { what: `replica ${replica} to be ready`, withinMs: 30_000, everyMs: 100 })
        .then(() => {
          started.record.readyAt = recorderNow();
        })
        .catch(() => {
          const said = started.alive() ? '' : `; it ended, and wrote: ${started.output().slice(-mostOutput)}`;
          notes.push(`replica ${replica} was not ready within 30 s of its start${said}`);
        });
    }

    const starting = new Map<number, Promise<void>>();

    /** Two faults may both want the same replica back: it has one process. */
    function start(replica: number): Promise<void> {
      const begun = starting.get(replica) ?? (replicas[replica]?.alive() ? Promise.resolve() : startNow(replica));
      starting.set(replica, begun);
      return begun.finally(() => starting.delete(replica));
    }

    closers.push(async () => {
      for (const replica of replicas) if (replica?.alive()) replica.signal('SIGCONT');
      for (const replica of replicas) if (replica?.alive()) replica.signal('SIGKILL');
      await Promise.all(replicas.map((replica) => replica?.exited));
    });
    await Promise.all(places.map(start));

    return {
      postgres,
      redis,
      wires,
      replicas,
      urls: ports.map((port) => `http://127.0.0.1:${port}`),
      processes,
      start,
      isReady: (replica) => isReady(replica).catch(() => false),
      async setClock(replica, seconds) {
        if (!needsClock) return false;
        await writeFile(clockFile(replica), `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}`);
        return true;
      },
      query: async <T extends object>(text: string, values: unknown[] = []) =>
        (await pool.query(text, values)).rows as T[],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
