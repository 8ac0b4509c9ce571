import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startTarget, status, type Target } from '../../target.ts';
import { type Api, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
  target.setBehaviour(status(200));
});
afterAll(() => target.close());

type Item = { at: string; key: string | null; succeeded: number; p99DurationMs: number | null };

describe('GET /stats', () => {
  test('counts what ran within a minute, in the namespace of the caller alone', { timeout: 120_000 }, async () => {
    await api.http
      .post('/tasks')
      .send({ id: 'counted', schedule: '@every 200ms', target: target.url, labels: { team: 'ops' } })
      .expect(201);
    await api.runsOf('counted', (found) => found.filter((run) => run.status === 'succeeded').length >= 5);
    await api.http.post('/tasks/counted/stop').expect(200);
    const runs = await api.runsOf('counted', (found) => found.every((run) => run.finishedAt !== null));
    const succeeded = runs.filter((run) => run.status === 'succeeded').length;
    const sum = (items: Item[]) => items.reduce((all, item) => all + item.succeeded, 0);
    const items = async (query: string) => (await api.http.get(`/stats?${query}`).expect(200)).body.items as Item[];
    await poll(async () => sum(await items('bucket=1m')) >= succeeded, {
      what: 'the runs to be counted',
      withinMs: 60_000,
    });
    for (const query of ['', 'bucket=1m&by=task', 'bucket=1d&by=status', 'by=label:team'])
      expect(sum(await items(query)), query).toBe(succeeded);
    expect(new Set((await items('by=task')).map(({ key }) => key))).toEqual(new Set(['counted']));
    expect((await items('by=status')).map(({ key }) => key)).toContain('succeeded');
    expect(new Set((await items('by=label:team')).map(({ key }) => key))).toEqual(new Set(['ops']));
    for (const item of await items('')) {
      expect(item.key).toBeNull();
      expect(item.at).toMatch(/:00:00(\.000)?Z$/);
      expect(item.p99DurationMs).not.toBeNull();
    }
    const { body } = await api.http.get('/tasks?include=strip').expect(200);
    expect(body.items[0].strip.map(({ id }: { id: string }) => id)).toEqual(runs.slice(0, 20).map(({ id }) => id));
    await api.http.put('/namespaces/other').send({}).expect(201);
    expect((await api.http.get('/ns/other/stats').expect(200)).body).toEqual({ items: [] });
    expect((await api.http.get('/ns/default/stats').expect(200)).body.items).toEqual(await items(''));
  });

  test.each([
    ['bucket=2h', 400, '#/bucket'],
    ['by=owner', 400, '#/by'],
    ['by=label:', 400, '#/by'],
    ['from=yesterday', 400, '#/from'],
    ['odd=1', 400, '#/odd'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 422, '#/to'],
    ['from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z', 422, '#/from'],
    ['bucket=1m&from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z', 422, '#/from'],
  ])('refuses %s with %i', async (query, code, pointer) => {
    const { body } = await api.http.get(`/stats?${query}`).expect(code);
    expect(body.errors[0].pointer).toBe(pointer);
  });
});
