import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startTarget, status, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());

/** A namespace in which so many runs may be at once, with short ways to use it. */
async function openNamespace(ns: string, concurrentRuns: number) {
  let under = 0;
  let most = 0;
  const held: (() => void)[] = [];
  let isHeld = false;
  const answer = () => {
    for (const one of held.splice(0)) one();
  };
  target.setBehaviour(`/${ns}`, (response, request, socket) => {
    most = Math.max(most, ++under);
    response.once('close', () => under--);
    if (isHeld) held.push(() => status(200)(response, request, socket));
    else status(200)(response, request, socket);
  });
  await api.http.put(`/namespaces/${ns}`).send({ quotas: { concurrentRuns } }).expect(201);
  const base = { schedule: { manual: true }, target: `${target.url}/${ns}`, timeout: '1m' };
  const runs = async (id: string, query = '') =>
    (await api.http.get(`/ns/${ns}/tasks/${id}/runs?limit=200${query}`).expect(200)).body.items as Body[];
  return {
    create: (id: string, more: Body = {}) =>
      api.http
        .post(`/ns/${ns}/tasks`)
        .send({ ...base, id, ...more })
        .expect(201),
    trigger: async (id: string, body: Body = {}) =>
      (await api.http.post(`/ns/${ns}/tasks/${id}/trigger`).send(body).expect(202)).body.id as string,
    statusOf: async (run: string) => (await api.http.get(`/ns/${ns}/runs/${run}`).expect(200)).body.status as string,
    runs,
    untilRuns: (id: string, enough: (runs: Body[]) => boolean) =>
      poll(async () => enough(await runs(id)), { what: `the runs of ${id}`, withinMs: 20_000 }),
    hold: () => {
      isHeld = true;
    },
    /** Answers the calls under way, and those to come at once. */
    release: () => {
      isHeld = false;
      answer();
    },
    /** Answers only the calls under way. */
    answer,
    untilCalls: (count: number) => poll(() => held.length === count, { what: `${count} calls under way` }),
    most: () => most,
    over: (run: string, wanted = 'succeeded') =>
      poll(async () => (await api.http.get(`/ns/${ns}/runs/${run}`)).body.status === wanted, {
        what: `run ${run} to be ${wanted}`,
      }),
  };
}

const statuses = (runs: readonly Body[]) => runs.map(({ status }) => status);

describe('the quota of runs at once', () => {
  test('leaves overlap as it is: a run that waits occupies its task, and may be replaced', async () => {
    const ns = await openNamespace('overlap', 1);
    ns.hold();
    await ns.create('first');
    await ns.create('queue', { overlap: 'queue' });
    await ns.create('replace', { overlap: 'replace' });
    const first = await ns.trigger('first');
    await ns.untilCalls(1);
    const queued = [await ns.trigger('queue'), await ns.trigger('queue'), await ns.trigger('queue')];
    const replaced = [await ns.trigger('replace'), await ns.trigger('replace')];
    expect(await ns.statusOf(queued[2] as string)).toBe('skipped');
    expect(await ns.statusOf(replaced[0] as string)).toBe('skipped');
    ns.release();
    for (const run of [first, queued[0], queued[1], replaced[1]]) await ns.over(run as string);
    expect(ns.most()).toBe(1);
  });

  test('lets the run of a higher priority go first, and keeps the rate and the limit of a task', async () => {
    const ns = await openNamespace('others', 2);
    ns.hold();
    const free = { overlap: 'allow' };
    await ns.create('own', { ...free, maxConcurrency: 1 });
    await ns.create('rated', { ...free, rate: { key: 'r', limit: 1, period: '1h' } });
    await ns.create('plain', free);
    const own = [await ns.trigger('own'), await ns.trigger('own')];
    const rated = [await ns.trigger('rated'), await ns.trigger('rated')];
    await ns.untilCalls(2);
    const low = await ns.trigger('plain', { priority: 1 });
    const high = await ns.trigger('plain', { priority: 9 });
    expect(await ns.statusOf(own[1] as string)).toBe('pending');
    ns.answer();
    await ns.over(rated[0] as string);
    await ns.untilCalls(2);
    // The second run of the rate may not start for an hour, and takes no place.
    expect(await Promise.all([high, low].map(ns.statusOf))).toContain('running');
    expect(await ns.statusOf(high)).toBe('running');
    ns.release();
    for (const run of [own[0], own[1], high, low]) await ns.over(run as string);
    expect(await ns.statusOf(rated[1] as string)).toBe('pending');
    expect(ns.most()).toBe(2);
  });

  test('makes occurrences that are made up for wait too, within maxRuns and without a miss', async () => {
    const ns = await openNamespace('made-up', 2);
    const anchor = new Date(Date.now() - 3_600_000).toISOString();
    await ns.create('past', { schedule: { every: '5m', anchor }, overlap: 'allow', startsAt: anchor });
    const range = { from: anchor, to: new Date(Date.now() - 60_000).toISOString() };
    const { body } = await api.http.post('/ns/made-up/tasks/past/backfill').send(range).expect(202);
    expect(body.created).toBeGreaterThan(8);
    await ns.untilRuns('past', (runs) => runs.filter((run) => run.status === 'succeeded').length === body.created);
    const schedule = { every: '200ms' };
    await ns.create('counted', { schedule, maxRuns: 5, overlap: 'allow', misfire: { policy: 'skip', grace: '1s' } });
    await ns.untilRuns('counted', (runs) => runs.length === 5 && statuses(runs).every((each) => each === 'succeeded'));
    const events = (await api.http.get('/ns/made-up/tasks/counted/events').expect(200)).body.items;
    expect(events.map((event: Body) => event.type)).not.toContain('missed');
    expect(ns.most()).toBeLessThanOrEqual(2);
  });

  test('holds for bursts that would be claimed ahead of their instant, and for the same tasks without it', async () => {
    const ns = await openNamespace('burst', 7);
    const anchor = new Date(Date.now() + 1_000).toISOString();
    const items = Array.from({ length: 100 }, (_, place) => ({
      ...{ id: `b-${place}`, schedule: { every: '1s', anchor }, target: `${target.url}/burst` },
    }));
    await api.http.post('/ns/burst/tasks/batch').send({ items }).expect(200);
    await ns.untilRuns('b-99', (runs) => runs.filter((run) => run.status === 'succeeded').length >= 4);
    expect(ns.most()).toBeLessThanOrEqual(7);
    await api.http.put('/namespaces/burst').send({}).expect(200);
    const before = (await ns.runs('b-99')).length;
    await ns.untilRuns('b-99', (runs) => runs.length >= before + 4);
    const wrong = (await api.http.get('/ns/burst/runs?status=failed&status=lost&status=cancelled').expect(200)).body
      .items;
    expect(wrong).toEqual([]);
  });
});
