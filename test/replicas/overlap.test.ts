import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { noPostgres } from '../services/provided.ts';
import { startTwoReplicas } from '../services/two-replicas.ts';
import { delay, startTarget, type Target } from '../target.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

/** How many calls of each task the target has under way, and the most it ever had. */
function watchOverlap() {
  const now = new Map<string, number>();
  const most = new Map<string, number>();
  target.setBehaviour((response, request, socket) => {
    const under = (now.get(request.path) ?? 0) + 1;
    now.set(request.path, under);
    most.set(request.path, Math.max(most.get(request.path) ?? 0, under));
    response.once('close', () => now.set(request.path, (now.get(request.path) ?? 0) - 1));
    delay(120)(response, request, socket);
  });
  return most;
}

describe.skipIf(noPostgres)('two replicas without a lock between them', () => {
  test('never run a task twice at once, whatever fires it, triggers it, or dies', async () => {
    const most = watchOverlap();
    const { one, two, databaseUrl } = await startTwoReplicas({ LEASE_TTL: '1s', REDIS_URL: '' });
    const tasks = (['skip', 'queue'] as const).flatMap((overlap) =>
      Array.from({ length: 6 }, (_, place) => ({
        id: `${overlap}-${place}`,
        schedule: '@every 100ms',
        overlap,
        retry: { maxAttempts: 3, minBackoff: '10ms', maxBackoff: '10ms' },
        target: `${target.url}/${overlap}-${place}`,
      })),
    );
    await one.http.post('/tasks/batch').send({ items: tasks }).expect(200);
    const triggered: string[] = [];
    for (let round = 0; round < 20; round++) {
      // Both replicas in the same moment, for the same task, while its schedule fires it ten times a second.
      const { id } = tasks[round % tasks.length] as (typeof tasks)[number];
      const answers = await Promise.all([one, two, one, two].map(({ http }) => http.post(`/tasks/${id}/trigger`)));
      for (const { status, body } of answers) {
        expect(status).toBe(202);
        triggered.push(body.id);
      }
    }
    one.kill('SIGKILL');
    await one.exited;
    const sofar = target.requests.length;
    await target.waitFor((requests) => requests.length > sofar + 60);
    for (const { id } of tasks) await two.http.post(`/tasks/${id}/stop`).expect(200);
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const query = async (text: string) => (await client.query(text)).rows;
    await poll(
      async () => (await query(`select from runs where status in ('pending', 'retrying', 'running')`)).length === 0,
      {
        what: 'all runs to be over',
      },
    );
    const ended = await query(`select id, status, reason from runs where trigger = 'manual'`);
    await client.end();
    await two.stop();
    expect(ended.map(({ id }) => id).sort()).toEqual(triggered.sort());
    for (const { status, reason } of ended) if (status === 'skipped') expect(reason).toBe('overlap');
    expect(most.size).toBe(tasks.length);
    const above = [...most].filter(([, calls]) => calls > 1);
    expect(above).toEqual([]);
  });
});
