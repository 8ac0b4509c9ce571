/** What the tests of the API share: a replica of their own, and short ways to talk to it. */

import supertest from 'supertest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { startInProcess } from '../../services/in-process.ts';
import { startReplica } from '../../services/process.ts';

// biome-ignore lint/suspicious/noExplicitAny: what the API answers with is exactly what the tests look into.
export type Body = Record<string, any>;

/** A replica in the process of the test, on a database of its own. */
export async function startApi(env: Record<string, string> = {}) {
  const database = await createDatabase();
  const replica = await startInProcess({ env: { DATABASE_URL: database.url, ...env } });
  const http = supertest(replica.url);
  await untilReady(http);
  const { url } = replica;
  return { url, replica, http, database, ...waysToAsk(() => http) };
}

/** As `startApi`, but a process: for tests that end it by a signal. */
export async function startApiProcess(env: Record<string, string> = {}) {
  const database = await createDatabase();
  const start = async () => {
    const replica = await startReplica({ env: { DATABASE_URL: database.url, ...env } });
    const http = supertest(replica.url);
    await untilReady(http);
    return { url: replica.url, replica, http };
  };
  let running = await start();
  return {
    get url() {
      return running.url;
    },
    get http() {
      return running.http;
    },
    database,
    /** Kills the replica and starts another in its place. */
    async restart(): Promise<void> {
      running.replica.kill('SIGKILL');
      await running.replica.exited;
      running = await start();
    },
    ...waysToAsk(() => running.http),
  };
}

async function untilReady(http: Http): Promise<void> {
  await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
}

type Http = ReturnType<typeof supertest>;

/** `http` gives the replica of the moment. */
function waysToAsk(http: () => Http) {
  return {
    /** A task that is never due by itself. */
    async createManual(id: string, more: Body = {}): Promise<Body> {
      const task = { id, schedule: { manual: true }, target: 'http://127.0.0.1:9/', ...more };
      return (await http().post('/tasks').send(task).expect(201)).body;
    },
    /** The run as soon as it is over, which it has to be within so many milliseconds. */
    runOver(id: string, withinMs?: number): Promise<Body> {
      return poll(
        async () => {
          const { body } = await http().get(`/runs/${id}`).expect(200);
          return !['pending', 'running', 'retrying'].includes(body.status) && (body as Body);
        },
        { what: `run ${id} to be over`, ...(withinMs !== undefined && { withinMs }) },
      );
    },
    /** The runs of a task, newest first, as soon as `enough` says so. */
    runsOf(id: string, enough: (runs: Body[]) => boolean): Promise<Body[]> {
      return poll(
        async () => {
          const { body } = await http().get(`/tasks/${id}/runs?limit=200`).expect(200);
          return enough(body.items) && (body.items as Body[]);
        },
        { what: `runs of ${id}` },
      );
    },
  };
}

export type Api = Awaited<ReturnType<typeof startApi>>;
export type ApiProcess = Awaited<ReturnType<typeof startApiProcess>>;
