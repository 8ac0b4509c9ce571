import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { delay, hang, startTarget, status, type Target } from '../../target.ts';
import { type Api, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());

const at = (path: string) => `${target.url}${path}`;
const quick = { minBackoff: '50ms', maxBackoff: '200ms', jitter: 0 };

describe('retries', () => {
  test('are made until one succeeds, and every attempt is kept', async () => {
    let calls = 0;
    target.setBehaviour('/third', (response, request, socket) =>
      status(++calls < 3 ? 503 : 200)(response, request, socket),
    );
    await api.createManual('third', { target: at('/third'), retry: { ...quick, maxAttempts: 5 } });
    const { body } = await api.http.post('/tasks/third/trigger').set('prefer', 'wait=20').expect(202);
    expect(body).toMatchObject({ status: 'succeeded', attempt: 3, maxAttempts: 5, error: null });
    expect(body.attempts).toMatchObject([
      { attempt: 1, status: 'failed', httpStatus: 503, error: { kind: 'unavailable' } },
      { attempt: 2, status: 'failed', httpStatus: 503 },
      { attempt: 3, status: 'succeeded', httpStatus: 200, error: null },
    ]);
    const requests = target.requests.filter(({ path }) => path === '/third');
    expect(requests.map(({ headers }) => headers['x-attempt'])).toEqual(['1', '2', '3']);
    expect(new Set(requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect((requests[1]?.at ?? 0) - (requests[0]?.at ?? 0)).toBeGreaterThanOrEqual(49);
    expect((requests[2]?.at ?? 0) - (requests[1]?.at ?? 0)).toBeGreaterThanOrEqual(99);
  });

  test('end when no attempt is left, and are not made for what the policy leaves out', async () => {
    target.setBehaviour('/never', status(503));
    await api.createManual('never', { target: at('/never'), retry: { ...quick, maxAttempts: 2 } });
    const { body } = await api.http.post('/tasks/never/trigger').set('prefer', 'wait=20').expect(202);
    expect(body).toMatchObject({ status: 'failed', attempt: 2, error: { kind: 'unavailable' } });
    target.setBehaviour('/rejected', status(400));
    await api.createManual('picky', {
      target: at('/rejected'),
      retry: { ...quick, maxAttempts: 5, retryOn: ['unavailable'] },
    });
    const { body: rejected } = await api.http.post('/tasks/picky/trigger').set('prefer', 'wait=20').expect(202);
    expect(rejected).toMatchObject({ status: 'failed', attempt: 1, error: { kind: 'rejected' } });
  });

  test('wait can be cancelled, and a cancelled run does not come back', async () => {
    target.setBehaviour('/waiting', status(503));
    await api.createManual('waiting', {
      target: at('/waiting'),
      retry: { maxAttempts: 3, minBackoff: '1h', maxBackoff: '1h' },
    });
    const { body } = await api.http.post('/tasks/waiting/trigger').expect(202);
    await expect.poll(async () => (await api.http.get(`/runs/${body.id}`)).body.status).toBe('retrying');
    await api.http.post(`/runs/${body.id}/cancel`).expect(202);
    expect((await api.http.get(`/runs/${body.id}`)).body).toMatchObject({ status: 'cancelled' });
    await api.http.post('/tasks/waiting/trigger').expect(202);
  });
});

describe('overlap', () => {
  test('queue lets one wait behind the live run and skips the rest', async () => {
    target.setBehaviour('/queued', delay(400));
    await api.createManual('queued', { target: at('/queued'), overlap: 'queue' });
    const first = (await api.http.post('/tasks/queued/trigger').expect(202)).body.id;
    await target.waitFor((requests) => requests.some(({ path }) => path === '/queued'));
    const second = (await api.http.post('/tasks/queued/trigger').expect(202)).body;
    const third = (await api.http.post('/tasks/queued/trigger').expect(202)).body;
    expect([second.status, third.status, third.reason]).toEqual(['pending', 'skipped', 'overlap']);
    const [one, two] = await Promise.all([api.runOver(first), api.runOver(second.id)]);
    expect([one.status, two.status]).toEqual(['succeeded', 'succeeded']);
    expect(two.startedAt >= one.finishedAt).toBe(true);
  });

  test('replace cancels the running one and starts the newer', async () => {
    let calls = 0;
    target.setBehaviour('/replaced', (response, request, socket) =>
      (++calls === 1 ? hang() : status(200))(response, request, socket),
    );
    await api.createManual('replaced', { target: at('/replaced'), overlap: 'replace' });
    const first = (await api.http.post('/tasks/replaced/trigger').expect(202)).body.id;
    await target.waitFor((requests) => requests.some(({ path }) => path === '/replaced'));
    const second = (await api.http.post('/tasks/replaced/trigger').expect(202)).body.id;
    expect(await api.runOver(first)).toMatchObject({ status: 'cancelled', reason: 'replaced by a later run' });
    expect(await api.runOver(second)).toMatchObject({ status: 'succeeded' });
  });

  test('replace works for occurrences, too', async () => {
    target.setBehaviour('/succession', hang());
    await api.http
      .post('/tasks')
      .send({ id: 'succession', schedule: '@every 300ms', overlap: 'replace', target: at('/succession') })
      .expect(201);
    const runs = await api.runsOf(
      'succession',
      (found) => found.filter(({ status: is }) => is === 'cancelled').length >= 3,
    );
    await api.http.post('/tasks/succession/stop').send({ cancel: 'all' }).expect(200);
    await api.runsOf('succession', (found) => found.every(({ status: is }) => is !== 'running'));
    for (const run of runs.filter(({ status: is }) => is === 'cancelled'))
      expect(run.reason).toMatch(/replaced|stopped/);
  });

  test('allow lets runs of one task overlap', async () => {
    target.setBehaviour('/parallel', delay(500));
    await api.createManual('parallel', { target: at('/parallel'), overlap: 'allow' });
    const ids = await Promise.all(
      [1, 2, 3].map(async () => (await api.http.post('/tasks/parallel/trigger').expect(202)).body.id),
    );
    const runs = await Promise.all(ids.map((id) => api.runOver(id)));
    const latestStart = Math.max(...runs.map((run) => Date.parse(run.startedAt)));
    const firstEnd = Math.min(...runs.map((run) => Date.parse(run.finishedAt)));
    expect(latestStart).toBeLessThan(firstEnd);
  });
});

describe('stop and start', () => {
  test('stop with cancel: all aborts what runs; with none it leaves what waits', async () => {
    target.setBehaviour('/aborted', hang());
    await api.createManual('aborted', { target: at('/aborted') });
    const { body } = await api.http.post('/tasks/aborted/trigger').expect(202);
    await target.waitFor((requests) => requests.some(({ path }) => path === '/aborted'));
    await api.http.post('/tasks/aborted/stop').send({ cancel: 'all' }).expect(200);
    expect(await api.runOver(body.id)).toMatchObject({ status: 'cancelled', reason: 'task stopped' });
    await api.http.post('/tasks/aborted/start').expect(200);
    await api.http.post('/tasks/aborted/stop').send({ cancel: 'some' }).expect(400);
  });

  test.each([
    ['skip', 0],
    ['fire_once', 1],
    ['fire_all', 2],
  ] as const)('start with catchUp: %s makes up for %i of the occurrences since the stop', async (catchUp, count) => {
    const id = `catch-up-${catchUp}`;
    const path = `/${id}`;
    await api.http
      .post('/tasks')
      .send({ id, schedule: '@every 200ms', overlap: 'allow', misfire: { limit: 2 }, target: at(path) })
      .expect(201);
    await api.http.post(`/tasks/${id}/stop`).expect(200);
    const { body: stopped } = await api.http.get(`/tasks/${id}`).expect(200);
    await expect.poll(() => Date.now() - Date.parse(stopped.updatedAt), { timeout: 5_000 }).toBeGreaterThan(1_100);
    await api.http.post(`/tasks/${id}/start`).send({ catchUp }).expect(200);
    const runs = await api.runsOf(id, (found) => found.filter(({ trigger }) => trigger === 'schedule').length >= 2);
    await api.http.delete(`/tasks/${id}`).expect(204);
    expect(runs.filter(({ trigger }) => trigger === 'catch_up')).toHaveLength(count);
    const { body: events } = await api.http.get(`/tasks/${id}/events`).expect(200);
    expect(events.items.filter(({ type }: { type: string }) => type === 'missed')).toHaveLength(count === 0 ? 0 : 1);
  });
});
