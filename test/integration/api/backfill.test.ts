import { afterAll, beforeAll, expect, test } from 'vitest';
import { delay, startTarget, type Target } from '../../target.ts';
import { type Api, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());

const range = { from: '2026-03-01T00:00:00Z', to: '2026-03-01T00:10:00Z' };
const backfill = (id: string, body: object) => api.http.post(`/tasks/${id}/backfill`).send(body);
const create = (id: string, more: object = {}) =>
  api.http
    .post('/tasks')
    .send({ id, schedule: '* * * * *', target: `${target.url}/${id}`, status: 'stopped', ...more })
    .expect(201);
const callsOf = (id: string) => target.requests.filter(({ path }) => path === `/${id}`);

test('runs the occurrences of a past range, oldest first and one after the other', async () => {
  let atOnce = 0;
  let most = 0;
  target.setBehaviour('/serial', (response, request, socket) => {
    most = Math.max(most, ++atOnce);
    response.on('finish', () => atOnce--);
    delay(30)(response, request, socket);
  });
  await create('serial', { overlap: 'skip' });
  const { body, headers } = await backfill('serial', range).expect(202);
  expect(body).toEqual({ created: 10, existing: 0, nextFrom: null });
  expect(headers.location).toBe('/tasks/serial/runs?trigger=catch_up');
  const runs = await api.runsOf(
    'serial',
    (all) => all.length === 10 && all.every(({ status }) => status === 'succeeded'),
  );
  expect(runs.every(({ trigger }) => trigger === 'catch_up')).toBe(true);
  const instants = callsOf('serial').map(({ headers }) => headers['x-scheduled-for']);
  expect(instants).toEqual(Array.from({ length: 10 }, (_, minute) => `2026-03-01T00:0${minute}:00.000Z`));
  expect(most).toBe(1);
});

test('makes nothing twice, and goes on where the limit ended it', async () => {
  await create('parts', { overlap: 'allow' });
  expect((await backfill('parts', { ...range, limit: 4 }).expect(202)).body).toEqual({
    created: 4,
    existing: 0,
    nextFrom: '2026-03-01T00:04:00.000Z',
  });
  expect((await backfill('parts', { ...range, limit: 6 }).expect(202)).body).toEqual({
    created: 2,
    existing: 4,
    nextFrom: '2026-03-01T00:06:00.000Z',
  });
  expect((await backfill('parts', { ...range, from: '2026-03-01T00:06:00Z' }).expect(202)).body).toMatchObject({
    created: 4,
  });
  await api.runsOf('parts', (all) => all.length === 10 && all.every(({ status }) => status === 'succeeded'));
  expect(callsOf('parts')).toHaveLength(10);
  const { body } = await api.http.get('/tasks/parts/events');
  expect(body.items[0]).toMatchObject({
    type: 'backfilled',
    changes: { from: '2026-03-01T00:06:00.000Z', to: '2026-03-01T00:09:00.000Z', runs: 4 },
  });
});

test('is refused where it means nothing', async () => {
  await create('refused');
  await api.createManual('by-hand');
  const fault = async (id: string, body: object, code: number) =>
    (await backfill(id, body).expect(code)).body.errors?.[0].pointer;
  expect(await fault('refused', { from: range.to, to: range.from }, 422)).toBe('#/to');
  expect(await fault('refused', { from: range.from, to: '2999-01-01T00:00:00Z' }, 422)).toBe('#/to');
  expect(await fault('refused', { from: 'yesterday', to: range.to }, 400)).toBe('#/from');
  expect(await fault('refused', { ...range, limit: 0 }, 400)).toBe('#/limit');
  expect(await fault('refused', { from: range.from }, 400)).toBe('#/to');
  expect(await fault('by-hand', range, 422)).toBe('#/from');
  await backfill('nobody', range).expect(404);
});

test('is cancelled by a stop like everything that waits', async () => {
  target.setBehaviour('/stopped', delay(300));
  await create('stopped', { overlap: 'queue', schedule: '0 0 1 1 *', status: 'active' });
  await backfill('stopped', { from: '2010-01-01T00:00:00Z', to: '2020-01-01T00:00:00Z' }).expect(202);
  await target.waitFor((requests) => requests.some(({ path }) => path === '/stopped'));
  await api.http.post('/tasks/stopped/stop').expect(200);
  const runs = await api.runsOf('stopped', (all) =>
    all.every(({ status }) => ['succeeded', 'cancelled'].includes(status)),
  );
  expect(runs).toHaveLength(10);
  expect(runs.filter(({ status }) => status === 'cancelled').length).toBeGreaterThan(6);
});
