import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startTarget, status, type Target } from '../../target.ts';
import { openPool } from '../store/store.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());

const setQuotas = (namespace: string, quotas: Body) => api.http.put(`/namespaces/${namespace}`).send({ quotas });
const task = (id: string, more: Body = {}) => ({ id, schedule: { manual: true }, target: `${target.url}/`, ...more });
const create = (namespace: string, id: string, more: Body = {}) =>
  api.http.post(`/ns/${namespace}/tasks`).send(task(id, more));
const put = (namespace: string, id: string, more: Body = {}) => {
  const { id: _, ...body } = task(id, more);
  return api.http.put(`/ns/${namespace}/tasks/${id}`).send(body);
};
const problem = (quota: string, limit: number | string, used: number | string) => ({
  code: 'quota_exceeded',
  status: 429,
  ...{ quota, limit, used },
});

describe('a write beyond a quota', () => {
  test('of tasks is refused with the quota, whichever way the task is made', async () => {
    await setQuotas('full', { tasks: 2 }).expect(201);
    await create('full', 'a').expect(201);
    await put('full', 'b').expect(201);
    const refused = problem('tasks', 2, 2);
    const { body, headers } = await create('full', 'c').expect(429);
    expect(body).toMatchObject(refused);
    // Another try may succeed once somebody has deleted a task or has changed the quota.
    expect(headers['retry-after']).toBe('60');
    expect((await put('full', 'c').expect(429)).body).toMatchObject(refused);
    const keyed = () => create('full', 'c').set('idempotency-key', 'once');
    expect((await keyed().expect(429)).body).toMatchObject(refused);
    const at = new Date(Date.now() - 1_000).toISOString();
    expect((await create('full', 'late', { schedule: { at } }).expect(429)).body).toMatchObject(refused);
    // What exists is another refusal, and may be replaced.
    await create('full', 'a').expect(409);
    await put('full', 'a').expect(200);
    await api.http.delete('/ns/full/tasks/b').expect(204);
    const items = [task('c'), task('a'), { id: 'bad' }, task('d')];
    const batch = await api.http.post('/ns/full/tasks/batch').send({ items }).expect(200);
    expect(batch.body.items.map((item: Body) => item.status)).toEqual([201, 409, 400, 429]);
    expect(batch.body.items[3].problem).toMatchObject(refused);
    // The refusal was not kept under the key.
    await api.http.delete('/ns/full/tasks/c').expect(204);
    await keyed().expect(201);
    await create('default', 'free').expect(201);
    expect((await api.http.get('/namespaces/full').expect(200)).body.usage).toMatchObject({ tasks: 2 });
  });

  test.each(['tasks', 'createsPerMinute'])('of no %s at all is refused, and says whom to ask', async (quota) => {
    const namespace = `no-${quota.toLowerCase()}`;
    await setQuotas(namespace, { [quota]: 0 }).expect(201);
    const { body } = await create(namespace, 'a').expect(429);
    expect(body).toMatchObject(problem(quota, 0, 0));
    expect(body.detail).toBe(`the quota ${quota} of namespace "${namespace}" is 0; ask an owner for more`);
  });

  test('of creations tells when to try again', async () => {
    await setQuotas('quick', { createsPerMinute: 1 }).expect(201);
    await create('quick', 'a').expect(201);
    const { body, headers } = await create('quick', 'b').expect(429);
    expect(body).toMatchObject(problem('createsPerMinute', 1, 1));
    expect(Number(headers['retry-after'])).toBeGreaterThan(30);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
    await openPool(api.database.url).pool.query(`update creations set at = at - interval '30 seconds'`);
    const later = await create('quick', 'b').expect(429);
    expect(Number(later.headers['retry-after'])).toBeLessThanOrEqual(30);
  });

  test('of minInterval is refused where a schedule is given or a task starts, and what runs goes on', async () => {
    await setQuotas('slow', {}).expect(201);
    await create('slow', 'old', { schedule: { every: '10s' } }).expect(201);
    await create('slow', 'stopped', { schedule: { every: '10s' }, status: 'stopped' }).expect(201);
    await setQuotas('slow', { minInterval: '1m' }).expect(200);
    const refused = problem('minInterval', '1m', '10s');
    const every = (text: string) => ({ schedule: { every: text } });
    expect((await create('slow', 'new', every('10s')).expect(429)).body).toMatchObject(refused);
    expect((await put('slow', 'new', every('10s')).expect(429)).body).toMatchObject(refused);
    expect((await api.http.post('/ns/slow/tasks/stopped/start').expect(429)).body).toMatchObject(refused);
    const patch = (id: string, body: Body) => api.http.patch(`/ns/slow/tasks/${id}`).send(body);
    expect((await patch('stopped', { status: 'active' }).expect(429)).body).toMatchObject(refused);
    expect((await patch('old', every('20s')).expect(429)).body).toMatchObject(problem('minInterval', '1m', '20s'));
    const jitter = { schedule: { every: '1m' }, jitter: '15s' };
    expect((await patch('old', jitter).expect(429)).body).toMatchObject(problem('minInterval', '1m', '45s'));
    const cron = { schedule: { cron: '0,30 * * * * *' } };
    expect((await create('slow', 'cron', cron).expect(429)).body).toMatchObject(problem('minInterval', '1m', '30s'));
    // Not the schedule is changed here, and the task goes on.
    expect((await patch('old', { description: 'as before' }).expect(200)).body.status).toBe('active');
    await patch('old', every('60s')).expect(200);
    await create('slow', 'fine', { schedule: '*/5 * * * *' }).expect(201);
    await create('slow', 'never').expect(201);
  });
});

describe('a quota of runs at once', () => {
  /** Calls of a path are answered when the test says so. */
  function holdCalls(path: string) {
    const held: (() => void)[] = [];
    let under = 0;
    let most = 0;
    target.setBehaviour(path, (response, request, socket) => {
      most = Math.max(most, ++under);
      response.once('close', () => under--);
      held.push(() => status(200)(response, request, socket));
    });
    return {
      most: () => most,
      until: (count: number) => poll(() => held.length >= count, { what: `${count} calls of ${path} under way` }),
      answer: (count: number) => {
        for (const one of held.splice(0, count)) one();
      },
      answerAll: () => target.setBehaviour(path, status(200)),
    };
  }
  const runIn = (namespace: string, id: string) => api.http.get(`/ns/${namespace}/runs/${id}`).expect(200);
  const overIn = (namespace: string, id: string) =>
    poll(async () => (await runIn(namespace, id)).body.status === 'succeeded', { what: `run ${id} to succeed` });

  test('makes due runs wait and says so, and lets each run as others end', async () => {
    const calls = holdCalls('/quota');
    await setQuotas('narrow', { concurrentRuns: 2 }).expect(201);
    const at = new Date(Date.now() + 300).toISOString();
    const items = Array.from({ length: 4 }, (_, place) =>
      task(`t-${place}`, { schedule: { at }, target: `${target.url}/quota`, timeout: '1m' }),
    );
    await api.http.post('/ns/narrow/tasks/batch').send({ items }).expect(200);
    await calls.until(2);
    await create('narrow', 'asked', { target: `${target.url}/quota`, timeout: '1m' }).expect(201);
    const { body: run } = await api.http.post('/ns/narrow/tasks/asked/trigger').expect(202);
    const reason = 'namespace narrow has 2 runs running';
    expect((await runIn('narrow', run.id)).body).toMatchObject({ status: 'pending', reason });
    const list = (await api.http.get('/ns/narrow/runs?status=pending').expect(200)).body.items;
    expect(list.map((each: Body) => each.reason)).toEqual([reason, reason, reason]);
    const ofTask = (await api.http.get('/ns/narrow/tasks/asked/runs').expect(200)).body.items;
    expect(ofTask).toMatchObject([{ reason }]);
    const usage = (await api.http.get('/namespaces/narrow').expect(200)).body.usage;
    expect(usage).toMatchObject({ concurrentRuns: 2, tasks: 5 });
    calls.answer(1);
    await calls.until(2);
    calls.answer(2);
    await calls.until(2);
    calls.answer(2);
    await overIn('narrow', run.id);
    expect(calls.most()).toBe(2);
    const { body } = await runIn('narrow', run.id);
    expect(body.reason).toBeNull();
    const all = (await api.http.get('/ns/narrow/runs').expect(200)).body.items;
    expect(all).toHaveLength(5);
  });

  test('acts on runs that are there when it is set, raised and taken away', async () => {
    const calls = holdCalls('/set');
    await setQuotas('set', {}).expect(201);
    const to = { target: `${target.url}/set`, timeout: '1m', overlap: 'allow' };
    await create('set', 'a', to).expect(201);
    const trigger = async () => (await api.http.post('/ns/set/tasks/a/trigger').expect(202)).body.id as string;
    await trigger();
    await trigger();
    await calls.until(2);
    const { body: before } = await api.http.get('/ns/set/tasks/a').expect(200);
    await setQuotas('set', { concurrentRuns: 2 }).expect(200);
    const third = await trigger();
    expect((await runIn('set', third)).body).toMatchObject({
      status: 'pending',
      reason: 'namespace set has 2 runs running',
    });
    await setQuotas('set', { concurrentRuns: 3 }).expect(200);
    await calls.until(3);
    const fourth = await trigger();
    expect((await runIn('set', fourth)).body.reason).toBe('namespace set has 3 runs running');
    await setQuotas('set', {}).expect(200);
    await calls.until(4);
    const { body: after } = await api.http.get('/ns/set/tasks/a').expect(200);
    expect(after.version).toBe(before.version);
    calls.answerAll();
    calls.answer(4);
    await overIn('set', fourth);
  });

  test('counts runs that their target holds, and lets retries wait for it', async () => {
    await setQuotas('held', { concurrentRuns: 1 }).expect(201);
    const tokens: string[] = [];
    target.setBehaviour('/long', (response, request, socket) => {
      tokens.push(String(request.headers['x-run-token']));
      status(202)(response, request, socket);
    });
    let fails = 1;
    target.setBehaviour('/once-failing', (response, request, socket) =>
      status(fails-- > 0 ? 503 : 200)(response, request, socket),
    );
    const retry = { maxAttempts: 2, minBackoff: '10ms', maxBackoff: '10ms' };
    await create('held', 'long', { target: `${target.url}/long`, heartbeatTimeout: '1m' }).expect(201);
    await create('held', 'failing', { target: `${target.url}/once-failing`, retry }).expect(201);
    const { body: long } = await api.http.post('/ns/held/tasks/long/trigger').expect(202);
    await poll(async () => (await runIn('held', long.id)).body.heartbeatDueAt !== null, { what: 'the run to be held' });
    const { body: failing } = await api.http.post('/ns/held/tasks/failing/trigger').expect(202);
    expect((await runIn('held', failing.id)).body.reason).toBe('namespace held has 1 runs running');
    await api.http.post(`/ns/held/runs/${long.id}/cancel`).expect(202);
    await overIn('held', failing.id);
    expect((await runIn('held', failing.id)).body.attempt).toBe(2);
  });
});
