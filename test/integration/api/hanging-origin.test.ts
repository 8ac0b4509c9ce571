import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTarget, status, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

const slots = 8;
const share = 4;

let api: Api;
let hanging: Target;
let quick: Target;
beforeAll(async () => {
  [api, hanging, quick] = await Promise.all([
    startApi({ MAX_CONCURRENT_RUNS: String(slots) }),
    startTarget(),
    startTarget(),
  ]);
});
afterAll(() => Promise.all([hanging.close(), quick.close()]));

const trigger = async (id: string): Promise<Body> => (await api.http.post(`/tasks/${id}/trigger`).expect(202)).body;
const deferred = async (): Promise<number> => {
  const { text } = await api.http.get('/metrics').expect(200);
  return Number(/^scheduler_deferred_total\{cause="origin_full"\} (\d+)$/m.exec(text)?.[1]);
};

test('an origin that hangs takes its share of the slots and no more, and loses nothing of what was due', async () => {
  const held: ServerResponse[] = [];
  hanging.setBehaviour((response) => void held.push(response));
  const more = { timeout: '5m', overlap: 'allow', target: `${hanging.url}/` };
  const at = new Date(Date.now() + 2_000).toISOString();
  const items = Array.from({ length: slots }, (_, n) => ({ id: `due-${n}`, schedule: { at }, ...more }));
  await api.http.post('/tasks/batch').send({ items }).expect(200);
  await api.createManual('asked-for', more);
  await api.createManual('elsewhere', { target: quick.url });
  const triggered = await Promise.all(Array.from({ length: 2 * slots }, () => trigger('asked-for')));

  // More than there are slots wait, and one run of another origin after the other gets through.
  await expect.poll(deferred, { timeout: 20_000 }).toBeGreaterThan(slots);
  for (let time = 0; time < 5; time++) {
    const { id } = await trigger('elsewhere');
    expect(await api.runOver(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
  }
  expect(hanging.requests).toHaveLength(share);
  expect(hanging.connections()).toBe(share);
  const { body } = await api.http.get('/tasks/asked-for/runs?limit=200').expect(200);
  const waiting = body.items.filter((run: Body) => run.status === 'retrying');
  expect(waiting.length).toBeGreaterThan(0);
  for (const run of waiting)
    expect(run).toMatchObject({
      ...{ attempt: 0, startedAt: null, error: null },
      reason: "calls that do not end take all connections to the target's origin",
    });

  hanging.setBehaviour(status(200));
  for (const response of held) response.writeHead(200).end();
  const over = [
    ...(await Promise.all(triggered.map(({ id }) => api.runOver(id)))),
    ...(await Promise.all(
      items.map(async ({ id }) => (await api.runsOf(id, ([run]) => run?.status === 'succeeded'))[0] as Body),
    )),
  ];
  for (const run of over) expect(run).toMatchObject({ status: 'succeeded', attempt: 1, reason: null });
  expect(hanging.requests.map(({ headers }) => headers['x-run-id']).sort()).toEqual(over.map(({ id }) => id).sort());
  expect(new Set(hanging.requests.map(({ headers }) => headers['x-attempt']))).toEqual(new Set(['1']));
  expect((await api.http.get('/cluster').expect(200)).body.replicas[0].breakers).toEqual([]);
});
