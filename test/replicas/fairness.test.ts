import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { noPostgres } from '../services/provided.ts';
import { startTwoReplicas } from '../services/two-replicas.ts';
import { delay, startTarget, status, type Target } from '../target.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
beforeEach(() => target.setBehaviour(delay(100, status(200))));
afterAll(() => target.close());

/** Two replicas of so many slots each. */
async function startTwo(weights: Record<string, number>, slots = 16) {
  const { one, two } = await startTwoReplicas({ MAX_CONCURRENT_RUNS: String(slots) });
  for (const [id, weight] of Object.entries(weights))
    await one.http.put(`/namespaces/${id}`).send({ weight }).expect(201);
  target.requests.length = 0;
  return {
    one,
    async create(of: string, count: number, more: object): Promise<void> {
      const items = Array.from({ length: count }, (_, n) => ({
        ...{ id: `${of}-${n}`, target: `${target.url}/${of}/${n}`, overlap: 'allow', ...more },
      }));
      await one.http.post(`/ns/${of}/tasks/batch`).send({ items }).expect(200);
    },
    end: () => Promise.all([one.stop(), two.stop()]),
  };
}

const namespaces = () => target.requests.map(({ headers }) => headers['x-namespace']);
const count = (of: string, among = namespaces()) => among.filter((each) => each === of).length;
/** How many runs of `of` had come before the last of `other`. */
const before = (of: string, other: string) => count(of, namespaces().slice(0, namespaces().lastIndexOf(other)));
const paths = () => new Set(target.requests.map(({ path }) => path));

describe.skipIf(noPostgres)('two namespaces on two replicas', { timeout: 120_000 }, () => {
  test('take turns where there are too few slots to keep some for either', async () => {
    const two = await startTwo({ a: 1, b: 1 }, 6);
    const schedule = { at: new Date(Date.now() + 5_000).toISOString() };
    await two.create('a', 300, { schedule, priority: 9 });
    await two.create('b', 30, { schedule, priority: 0 });
    await target.waitFor(() => target.requests.length >= 330, 60_000);
    await two.end();
    expect([target.requests.length, paths().size]).toEqual([330, 330]);
    expect(before('a', 'b')).toBeLessThan(120);
  });

  test('both of which wait share the slots by their weights', async () => {
    const two = await startTwo({ a: 1, b: 3 });
    const schedule = { at: new Date(Date.now() + 5_000).toISOString() };
    await two.create('a', 300, { schedule, priority: 9 });
    await two.create('b', 300, { schedule, priority: 0 });
    await target.waitFor(() => target.requests.length >= 600, 60_000);
    await two.end();
    expect([target.requests.length, paths().size]).toEqual([600, 600]);
    expect(before('a', 'b')).toBeGreaterThan(60);
    expect(before('a', 'b')).toBeLessThan(160);
  });

  test('triggers of one pass those of the other that wait', async () => {
    const two = await startTwo({ a: 1, b: 1 });
    await two.create('a', 1, { schedule: { manual: true }, priority: 9 });
    await two.create('b', 1, { schedule: { manual: true }, priority: 0 });
    const trigger = (of: string) => two.one.http.post(`/ns/${of}/tasks/${of}-0/trigger`).send({}).expect(202);
    target.setBehaviour(delay(400, status(200)));
    for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 30 }, () => trigger('a')));
    const waiting = 300 - count('a');
    for (let n = 0; n < 10; n++) await trigger('b');
    await target.waitFor(() => target.requests.length >= 310, 60_000);
    await two.end();
    expect([count('a'), count('b')]).toEqual([300, 10]);
    const after = namespaces().slice(namespaces().lastIndexOf('b'));
    expect(count('a', after)).toBeGreaterThan(waiting / 3);
  });
});
