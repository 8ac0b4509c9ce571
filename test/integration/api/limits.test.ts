import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { runOver, startReady } from '../../replicas/process/ready.ts';
import { type Behaviour, startTarget, status, type Target } from '../../target.ts';
import { type Api, type Body, startApi, startApiProcess } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());

/** Calls of a path are answered when the test says so, in the order in which they came. */
function holdCalls(path: string) {
  const held: (() => void)[] = [];
  let under = 0;
  let most = 0;
  const behaviour: Behaviour = (response, request, socket) => {
    under++;
    most = Math.max(most, under);
    response.once('close', () => under--);
    held.push(() => status(200)(response, request, socket));
  };
  target.setBehaviour(path, behaviour);
  return {
    most: () => most,
    /** Waits for so many calls that are not answered yet. */
    until: (count: number) => poll(() => held.length >= count, { what: `${count} calls of ${path} under way` }),
    answer: (count: number) => {
      for (const one of held.splice(0, count)) one();
    },
    waiting: () => held.length,
  };
}

const trigger = async (id: string): Promise<string> =>
  (await api.http.post(`/tasks/${id}/trigger`).expect(202)).body.id;
const statusOf = async (id: string) => (await api.http.get(`/runs/${id}`).expect(200)).body.status;
const towards = (path: string) => ({ target: `${target.url}${path}`, timeout: '1m' });

describe('limits', () => {
  test('maxConcurrency lets so many runs of a task run at once, and the next as soon as one ends', async () => {
    const calls = holdCalls('/own');
    await api.createManual('own', { ...towards('/own'), overlap: 'allow', maxConcurrency: 2 });
    const ids: string[] = [];
    for (let place = 0; place < 5; place++) ids.push(await trigger('own'));
    await calls.until(2);
    expect(await statusOf(ids[4] as string)).toBe('pending');
    for (let place = 0; place < 3; place++) {
      calls.answer(1);
      await calls.until(2);
    }
    calls.answer(2);
    const runs = await Promise.all(ids.map((id) => api.runOver(id)));
    expect(runs.map((run) => run.status)).toEqual(Array(5).fill('succeeded'));
    expect(calls.most()).toBe(2);
    // In the order in which they were asked for.
    const startedAt = runs.map((run) => run.startedAt);
    expect(startedAt).toEqual(startedAt.toSorted());
  });

  test('one key is shared by all tasks that name it, scheduled or asked for', async () => {
    const calls = holdCalls('/shared');
    const limits = { concurrency: { key: 'shared', limit: 3 } };
    const at = new Date(Date.now() + 500).toISOString();
    const items = Array.from({ length: 6 }, (_, place) => ({
      ...{ id: `shared-${place}`, schedule: { at }, ...limits, ...towards('/shared') },
    }));
    await api.http.post('/tasks/batch').send({ items }).expect(200);
    await api.createManual('shared-manual', { ...towards('/shared'), ...limits });
    await calls.until(3);
    const asked = await trigger('shared-manual');
    for (let left = 7; left > 3; left--) {
      calls.answer(1);
      await calls.until(3);
    }
    calls.answer(3);
    await api.runOver(asked);
    for (const { id } of items) await api.runsOf(id, ([run]) => run?.status === 'succeeded');
    expect(calls.most()).toBe(3);
  });

  test('a rate holds up what comes too fast, and lets it through at the right time without being asked', async () => {
    target.setBehaviour('/rated', status(200));
    const rate = { key: 'rated', limit: 2, period: '1500ms' };
    await api.createManual('rated', { ...towards('/rated'), overlap: 'allow', rate });
    const before = performance.now();
    const ids: string[] = [];
    for (let place = 0; place < 5; place++) ids.push(await trigger('rated'));
    for (const id of ids) await api.runOver(id);
    const calls = target.requests.filter(({ path }) => path === '/rated').map(({ at }) => at - before);
    // The first start is noted after the first was asked for.
    expect(calls[2]).toBeGreaterThanOrEqual(1_490);
    expect(calls[4]).toBeGreaterThanOrEqual(2_990);
  });

  test('a rate is used to the full: the next starts when it may, not when somebody happens to look', async () => {
    const rate = { key: 'full', limit: 1, period: '50ms' };
    await api.createManual('full', { ...towards('/full'), overlap: 'allow', rate });
    const ids = await Promise.all(Array.from({ length: 30 }, () => trigger('full')));
    const runs = await Promise.all(ids.map((id) => api.runOver(id)));
    const starts = runs.map((run) => Date.parse(run.startedAt));
    // A look a second would take thirty seconds.
    expect(Math.max(...starts) - Math.min(...starts)).toBeLessThan(15_000);
  });

  test('with a single slot, neither runs with limits nor those without keep the others from it', async () => {
    const own = await startApi({ MAX_CONCURRENT_RUNS: '1' });
    const calls = holdCalls('/first');
    await own.createManual('first', towards('/first'));
    await own.createManual('limited', { ...towards('/turn/limited'), overlap: 'allow', maxConcurrency: 50 });
    await own.createManual('plain', { ...towards('/turn/plain'), overlap: 'allow' });
    const ask = (id: string) => own.http.post(`/tasks/${id}/trigger`).expect(202);
    await ask('first');
    await calls.until(1);
    for (let place = 0; place < 20; place++) await Promise.all([ask('limited'), ask('plain')]);
    calls.answer(1);
    const turns = () => target.requests.filter(({ path }) => path.startsWith('/turn/'));
    await target.waitFor(() => turns().length === 40);
    const firstOnes = turns().slice(0, 20);
    for (const path of ['/turn/limited', '/turn/plain'])
      expect(firstOnes.filter((turn) => turn.path === path).length).toBeGreaterThanOrEqual(5);
  });

  test('a run whose target works on by itself keeps its place until it is completed', async () => {
    target.setBehaviour('/works', status(202));
    const long = { ...towards('/works'), overlap: 'allow', heartbeatTimeout: '1h' };
    await api.createManual('works', { ...long, concurrency: { key: 'works', limit: 1 } });
    const first = await trigger('works');
    const { headers } = await poll(() => target.requests.find(({ path }) => path === '/works'), { what: 'the call' });
    await poll(async () => (await api.http.get(`/runs/${first}`)).body.result?.httpStatus === 202, { what: 'the 202' });
    const second = await trigger('works');
    // A task without limits overtakes it: it is its own that hold it up.
    await api.createManual('free', towards('/free'));
    await api.runOver(await trigger('free'));
    expect(await statusOf(second)).toBe('pending');
    const token = headers['x-run-token'];
    await api.http
      .post(`/runs/${first}/complete`)
      .set('x-run-token', `${token}`)
      .send({ status: 'succeeded' })
      .expect(200);
    await poll(() => target.requests.filter(({ path }) => path === '/works').length === 2, { what: 'the second call' });
    await api.http.post(`/runs/${second}/cancel`).expect(202);
  });

  test('a run that waits for its limits can be cancelled, and gives way to the next', async () => {
    const calls = holdCalls('/cancelled');
    await api.createManual('cancelled', { ...towards('/cancelled'), overlap: 'allow', maxConcurrency: 1 });
    const ids = [await trigger('cancelled'), await trigger('cancelled'), await trigger('cancelled')];
    await calls.until(1);
    await api.http.post(`/runs/${ids[1]}/cancel`).expect(202);
    // A running one, too.
    await api.http.post(`/runs/${ids[0]}/cancel`).expect(202);
    await calls.until(2);
    calls.answer(2);
    const runs = await Promise.all(ids.map((id) => api.runOver(id)));
    expect(runs.map((run) => run.status)).toEqual(['cancelled', 'cancelled', 'succeeded']);
  });

  test('raising a limit lets those through that wait', async () => {
    const calls = holdCalls('/raised');
    await api.createManual('raised', { ...towards('/raised'), overlap: 'allow', maxConcurrency: 1 });
    for (let place = 0; place < 3; place++) await trigger('raised');
    await calls.until(1);
    await api.http.patch('/tasks/raised').send({ maxConcurrency: 3 }).expect(200);
    await calls.until(3);
    calls.answer(3);
  });

  test('what waits, and for how long it did, is in the metrics', async () => {
    const calls = holdCalls('/measured');
    await api.createManual('measured', {
      ...towards('/measured'),
      overlap: 'allow',
      concurrency: { key: 'measured', limit: 1 },
    });
    for (let place = 0; place < 4; place++) await trigger('measured');
    await calls.until(1);
    const metric = async (name: string) => {
      const { text } = await api.http.get('/metrics').expect(200);
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      );
    };
    const waiting = 'scheduler_limited_waiting{limit="concurrency"}';
    await poll(async () => (await metric(waiting)) === 3, { what: 'three to be counted' });
    const before = await metric('scheduler_limit_wait_seconds_count');
    for (let place = 0; place < 3; place++) {
      calls.answer(1);
      await calls.until(1);
    }
    calls.answer(1);
    expect(await metric('scheduler_limit_wait_seconds_count')).toBe(before + 3);
    await poll(async () => (await metric(waiting)) === 0, { what: 'none to be counted' });
  });

  // The embedded store takes its time to start on a busy machine.
  test('limits hold in the embedded store, too', async () => {
    const embedded = await startReady();
    const calls = holdCalls('/embedded');
    const limits = { maxConcurrency: 2, rate: { key: 'embedded', limit: 20, period: '100ms' } };
    const task = { id: 'embedded', schedule: { manual: true }, overlap: 'allow', ...limits, ...towards('/embedded') };
    await embedded.http.post('/tasks').send(task).expect(201);
    const asked = Array.from({ length: 30 }, () => embedded.http.post('/tasks/embedded/trigger').expect(202));
    const ids = (await Promise.all(asked)).map(({ body }) => body.id);
    for (let place = 0; place < 28; place++) {
      await calls.until(2);
      calls.answer(1);
    }
    await calls.until(2);
    calls.answer(2);
    for (const id of ids) expect(await runOver(embedded.http, id)).toMatchObject({ status: 'succeeded' });
    expect(calls.most()).toBe(2);
    await embedded.stop();
  }, 120_000);

  test('limits survive a kill: what ran is made free, what waited goes on', async () => {
    const own = await startApiProcess({ LEASE_TTL: '1s' });
    const calls = holdCalls('/killed');
    const limits = { concurrency: { key: 'killed', limit: 1 }, overlap: 'allow' };
    await own.createManual('killed', { ...towards('/killed'), ...limits });
    const ids: string[] = [];
    for (let place = 0; place < 2; place++)
      ids.push((await own.http.post('/tasks/killed/trigger').expect(202)).body.id);
    await calls.until(1);
    await own.restart();
    await calls.until(2);
    calls.answer(2);
    const runs: Body[] = await Promise.all(ids.map((id) => own.runOver(id)));
    expect(runs.map((run) => run.status)).toEqual(['lost', 'succeeded']);
  });
});
