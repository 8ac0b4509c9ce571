import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outlast } from '../outlast.ts';
import { createDatabase } from '../services/database.ts';
import { noPostgres } from '../services/provided.ts';
import { hang, startTarget, status, type Target } from '../target.ts';
import { startReady } from './process/ready.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const at = (path: string) => `${target.url}${path}`;
const callsTo = (path: string) => target.requests.filter((request) => request.path === path);
const called = async (path: string, count: number, withinMs = 20_000) => {
  await target.waitFor(() => callsTo(path).length >= count, withinMs);
  return callsTo(path).map(({ body }) => JSON.parse(body));
};

describe.skipIf(noPostgres)('hooks of several replicas', () => {
  test('are told again by another where the one that told them was killed, under the same id', async () => {
    const { url } = await createDatabase();
    const env = { DATABASE_URL: url, LEASE_TTL: '2s' };
    const doomed = await startReady({ env });
    const manual = { schedule: { manual: true } };
    const tell = { url: at('/told'), timeout: '1s' };
    await doomed.http
      .put('/tasks/told')
      .send({ ...manual, target: at('/ok'), hooks: { onSuccess: tell } })
      .expect(201);
    await doomed.http
      .put('/tasks/lost')
      .send({ ...manual, target: at('/hang'), hooks: { onFailure: at('/lost') } })
      .expect(201);
    await doomed.http
      .put('/tasks/missed')
      .send({
        schedule: '@every 200ms',
        overlap: 'allow',
        misfire: { policy: 'skip', grace: '0s' },
        target: at('/ticks'),
        hooks: { onMissed: at('/missed') },
      })
      .expect(201);
    target.setBehaviour('/hang', hang());
    target.setBehaviour('/told', hang());
    const lost = (await doomed.http.post('/tasks/lost/trigger').expect(202)).body;
    await target.waitFor(() => callsTo('/hang').length === 1 && callsTo('/ticks').length > 0);
    const run = (await doomed.http.post('/tasks/told/trigger').expect(202)).body;
    await called('/told', 1);
    doomed.kill('SIGKILL');
    await doomed.exited;
    target.setBehaviour('/told', status(200));
    // Nothing is missed that is less than a second late, and an heir may well be ready sooner than that.
    await outlast(Date.now() + 2_000);
    const heir = await startReady({ env });
    const [first, second] = await called('/told', 2);
    expect(second).toEqual(first);
    expect(second.data).toMatchObject({ runId: run.id, status: 'succeeded' });
    // What the kill itself did to runs is told too.
    const [failure] = await called('/lost', 1);
    expect(failure).toMatchObject({ type: 'punctual.run.failed', data: { runId: lost.id, status: 'lost' } });
    const [miss] = await called('/missed', 1);
    expect(miss).toMatchObject({ type: 'punctual.task.missed', data: { taskId: 'missed', policy: 'skip' } });
    const { body } = await heir.http.get('/tasks/missed/misses').expect(200);
    expect(body.items.map(({ from, to, count }: typeof miss) => [from, to, count])).toContainEqual([
      miss.data.from,
      miss.data.to,
      miss.data.count,
    ]);
  }, 60_000);

  test('are asked again by another where the one that asked was killed, and once where nobody was', async () => {
    const { url } = await createDatabase();
    const env = { DATABASE_URL: url, LEASE_TTL: '2s' };
    const [one, two] = await Promise.all([startReady({ env }), startReady({ env })]);
    target.setBehaviour('/may-i', status(200));
    const items = Array.from({ length: 20 }, (_, place) => ({
      id: `often-${place}`,
      schedule: '@every 250ms',
      overlap: place % 2 === 0 ? 'allow' : 'queue',
      target: at('/often'),
      hooks: { before: at('/may-i'), onSuccess: at('/done') },
    }));
    await one.http.post('/tasks/batch').send({ items }).expect(200);
    await called('/done', 300, 30_000);
    await Promise.all(items.map(({ id }) => two.http.post(`/tasks/${id}/stop`).expect(200)));
    const asked = callsTo('/may-i').map(({ body }) => JSON.parse(body).runId);
    expect(new Set(asked).size).toBe(asked.length);
    const started = callsTo('/often').map(({ headers }) => headers['x-run-id']);
    expect(new Set(started).size).toBe(started.length);
    expect(started.filter((id) => !asked.includes(id))).toEqual([]);

    await one.stop();
    target.setBehaviour('/think', hang());
    await two.http
      .put('/tasks/left')
      .send({
        schedule: { manual: true },
        target: at('/left'),
        hooks: { before: { url: at('/think'), timeout: '1s' } },
      })
      .expect(201);
    const run = (await two.http.post('/tasks/left/trigger').expect(202)).body;
    await called('/think', 1);
    two.kill('SIGKILL');
    await two.exited;
    target.setBehaviour('/think', status(412, 'no'));
    const heir = await startReady({ env });
    await called('/think', 2);
    await expect
      .poll(async () => (await heir.http.get(`/runs/${run.id}`)).body, { timeout: 10_000 })
      .toMatchObject({ status: 'skipped', reason: 'before hook answered 412: no' });
    expect(callsTo('/left')).toEqual([]);
  }, 90_000);
});
