/** What the tests of the whole process share: a replica that is ready, and a folder that outlives it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { poll } from '../../poll.ts';
import { atFileEnd } from '../../services/file-end.ts';
import { type Replica, type ReplicaOptions, type Started, startReplica } from '../../services/process.ts';

// biome-ignore lint/suspicious/noExplicitAny: what the API answers with is exactly what the tests look into.
export type Body = Record<string, any>;

/** A way to call a replica: what `supertest` gives. */
export type Http = ReturnType<typeof supertest>;

/** Starts the program and waits (30 s) until it is ready. */
export async function startReady(options: ReplicaOptions = {}): Promise<Replica & { http: Http }> {
  const replica = await startReplica(options);
  const http = supertest(replica.url);
  await untilReady(http);
  return { ...replica, http };
}

export async function untilReady(http: Http, withinMs = 30_000): Promise<void> {
  await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready', withinMs });
}

/** A folder for several processes one after the other, removed after the test file. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-test-'));
  atFileEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What a program said to people: its output but for the lines of its log. */
export function said({ output }: Pick<Started, 'output'>): string[] {
  return output()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'));
}

/** Whether a run has come to an end. */
export function isOver(run: Body): boolean {
  return !['pending', 'running', 'retrying'].includes(run.status);
}

/** The run as soon as it is over. */
export function runOver(http: Http, id: string, withinMs = 15_000): Promise<Body> {
  return poll(
    async () => {
      const { body } = await http.get(`/runs/${id}`).expect(200);
      return isOver(body) && (body as Body);
    },
    { what: `run ${id} to be over`, withinMs },
  );
}

/** Every task, page by page. */
export async function allTasks(http: Http): Promise<Body[]> {
  const found: Body[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Body = (await http.get(`/tasks?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)).body;
    found.push(...page.items);
    cursor = page.nextCursor;
  }
  return found;
}
