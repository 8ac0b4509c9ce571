import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTarget, status, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let dead: Target;
let spare: Target;
beforeAll(async () => {
  [api, dead, spare] = await Promise.all([
    startApi({ BREAKER_COOLDOWN: '6s', BREAKER_WINDOW: '1m' }),
    startTarget(),
    startTarget(),
  ]);
});
afterAll(() => Promise.all([dead.close(), spare.close()]));

const trigger = async (id: string): Promise<Body> => (await api.http.post(`/tasks/${id}/trigger`).expect(202)).body;
const breakers = async () => (await api.http.get('/cluster').expect(200)).body.replicas[0].breakers;

test('an origin that fails is not called, its runs wait or go to their fallback, and it is found again', async () => {
  dead.setBehaviour(status(503));
  const create = (id: string, more: Body = {}) =>
    api.createManual(id, { target: `${dead.url}/${id}`, overlap: 'allow', ...more });
  await create('failing');
  await create('waiting');
  await create('with-fallback', { fallback: `${spare.url}/spare` });
  // Of 20 at once none finds the circuit open; what would wait for it could go on failing for as long as it likes.
  const failing = await Promise.all(Array.from({ length: 20 }, () => trigger('failing')));
  for (const { id } of failing) expect(await api.runOver(id)).toMatchObject({ status: 'failed' });
  await expect.poll(breakers, { timeout: 10_000 }).toMatchObject([{ origin: dead.url }]);
  const { text } = await api.http.get('/metrics');
  expect(text).toMatch(new RegExp(`scheduler_breaker_state\\{origin="${dead.url}"\\} (1|0\\.5)`));

  const served = await api.runOver((await trigger('with-fallback')).id);
  expect(served).toMatchObject({ status: 'succeeded', attempt: 1 });
  expect(served.attempts).toMatchObject([{ attempt: 1, status: 'succeeded', fallback: true }]);
  expect(spare.requests.map(({ path }) => path)).toEqual(['/spare']);

  const waiting = await trigger('waiting');
  await expect
    .poll(async () => (await api.http.get(`/runs/${waiting.id}`)).body)
    .toMatchObject({ status: 'retrying', attempt: 0, startedAt: null, reason: 'the circuit to the target is open' });
  dead.setBehaviour(status(200));
  const over = await api.runOver(waiting.id, 30_000);
  expect(over).toMatchObject({ status: 'succeeded', attempt: 1, reason: null });
  // No call was made that did not count.
  expect(dead.requests.filter(({ path }) => path === '/waiting').map(({ headers }) => headers['x-attempt'])).toEqual([
    '1',
  ]);
  await expect.poll(breakers, { timeout: 20_000 }).toEqual([]);
}, 90_000);
