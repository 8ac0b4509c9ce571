/** What a run costs in statements and commands: held here, because no timing can hold it. */

import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { startReplica } from '../services/process.ts';
import { noPostgres, noRedis } from '../services/provided.ts';
import { createRedis } from '../services/redis.ts';
import { countCommands, countStatements } from '../services/wire-counter.ts';
import { startTarget, status, type Target } from '../target.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

async function start() {
  const [database, redis] = await Promise.all([createDatabase(), createRedis()]);
  const [statements, commands] = await Promise.all([countStatements(database.url), countCommands(redis.url)]);
  const replica = await startReplica({ env: { DATABASE_URL: statements.url, REDIS_URL: commands.url } });
  const http = supertest(replica.url);
  await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
  /** What was asked while `work` was done. */
  async function asked(work: () => Promise<unknown>) {
    const before = [statements.counts(), commands.counts()];
    await work();
    const more = [statements.counts(), commands.counts()].map((after, place) =>
      Object.fromEntries(
        [...after]
          .map(([name, count]) => [name, count - (before[place]?.get(name) ?? 0)] as const)
          .filter(([, count]) => count > 0),
      ),
    );
    return { statements: more[0] as Record<string, number>, commands: more[1] as Record<string, number> };
  }
  return { http, asked };
}

describe.skipIf(noPostgres || noRedis)('a run', () => {
  test('costs its share of one lock, one claim and one settlement, and nothing else', async () => {
    const { http, asked } = await start();
    const size = 1_000;
    const at = new Date(Date.now() + 2_500).toISOString();
    const items = Array.from({ length: size }, (_, place) => ({
      id: `burst-${place}`,
      schedule: { at },
      target: `${target.url}/burst`,
    }));
    await http.post('/tasks/batch').send({ items }).expect(200);
    const begun = performance.now();
    const { statements, commands } = await asked(async () => {
      await target.waitFor((requests) => requests.filter(({ path }) => path === '/burst').length === size, 30_000);
      await poll(async () => (await http.get('/runs?status=succeeded&limit=1')).body.items.length === 1, {
        what: 'outcomes to be written',
      });
    });
    // Whatever is asked by the clock is asked a few times a second at most; a statement for each run would be a
    // thousand.
    const byClock = 20 + ((performance.now() - begun) / 1_000) * 5;
    const { claim, complete, ...others } = statements;
    for (const [name, count] of Object.entries(others)) expect(count, name).toBeLessThan(byClock);
    // At the very worst ten runs share one, in practice hundreds.
    expect(claim).toBeLessThan(size / 10);
    expect(complete).toBeLessThan(size / 10);
    for (const [name, count] of Object.entries(commands)) expect(count, name).toBeLessThan(size / 10);
  });

  test('of a task with hooks and limits alone pays for them', async () => {
    const { http, asked } = await start();
    target.setBehaviour('/check', status(200));
    const policies = { concurrency: { key: 'k', limit: 5 }, hooks: { before: `${target.url}/check` } };
    const run = (id: string, more: object) => async () => {
      const task = { id, schedule: { manual: true }, target: `${target.url}/${id}`, ...more };
      await http.post('/tasks').send(task).expect(201);
      const { body } = await http.post(`/tasks/${id}/trigger`).set('prefer', 'wait=20').expect(202);
      expect(body.status).toBe('succeeded');
    };
    const plain = (await asked(run('plain', {}))).statements;
    const checked = (await asked(run('checked', policies))).statements;
    // Loops that look whether there is something to do ask by the clock, in both cases.
    for (const name of ['end-checks', 'limits-take']) {
      expect(plain, name).not.toHaveProperty(name);
      expect(checked, name).toHaveProperty(name);
    }
  });
});
