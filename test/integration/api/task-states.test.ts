import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startTarget, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  target = await startTarget();
  api = await startApi({ TARGET_DENY: '10.0.0.0/8' });
});
afterAll(() => target.close());

const iso = (at: number) => new Date(at).toISOString();
const later = () => iso(Date.now() + 86_400_000);
const hour = 3_600_000;
const statusOf = async (id: string) => (await api.http.get(`/tasks/${id}`).expect(200)).body.status as string;
const becomes = (id: string, wanted: string) =>
  poll(async () => (await statusOf(id)) === wanted, { what: `${id} to be ${wanted}` });

/** A task in this status: `completed` is a single instant that has run. */
async function taskIn(status: string, id: string): Promise<void> {
  const schedule = status === 'completed' ? { delay: '1ms' } : { every: '1h' };
  await api.http.put(`/tasks/${id}`).send({ schedule, target: target.url }).expect(201);
  if (status === 'stopped') await api.http.post(`/tasks/${id}/stop`).expect(200);
  if (status === 'completed') await becomes(id, 'completed');
}

type Act = [method: 'post' | 'patch' | 'put', path: string, body?: () => Body];
const acts: Record<string, Act> = {
  start: ['post', '/start'],
  'start with catch-up': ['post', '/start', () => ({ catchUp: 'fire_all' })],
  stop: ['post', '/stop'],
  'patch status active': ['patch', '', () => ({ status: 'active' })],
  'patch status stopped': ['patch', '', () => ({ status: 'stopped' })],
  'patch status completed': ['patch', '', () => ({ status: 'completed' })],
  'patch description': ['patch', '', () => ({ description: 'x' })],
  'patch schedule': ['patch', '', () => ({ schedule: { at: later() } })],
  'patch schedule and status stopped': ['patch', '', () => ({ schedule: { at: later() }, status: 'stopped' })],
  'patch bounds': ['patch', '', () => ({ endsAt: later() })],
  'patch maxRuns': ['patch', '', () => ({ maxRuns: 1 })],
  'put without status': ['put', '', () => ({ schedule: { at: later() }, target: target.url })],
  'put status active': ['put', '', () => ({ schedule: { at: later() }, target: target.url, status: 'active' })],
  'put status stopped': ['put', '', () => ({ schedule: { at: later() }, target: target.url, status: 'stopped' })],
  'put status completed': ['put', '', () => ({ schedule: { at: later() }, target: target.url, status: 'completed' })],
  trigger: ['post', '/trigger'],
};

/** For active, stopped and completed: the status code, and the status afterwards. */
const table: Record<string, [active: string, stopped: string, completed: string]> = {
  start: ['409 active', '200 active', '409 completed'],
  'start with catch-up': ['409 active', '200 active', '409 completed'],
  stop: ['200 stopped', '409 stopped', '409 completed'],
  'patch status active': ['200 active', '200 active', '409 completed'],
  'patch status stopped': ['200 stopped', '200 stopped', '409 completed'],
  'patch status completed': ['422 active', '422 stopped', '200 completed'],
  'patch description': ['200 active', '200 stopped', '200 completed'],
  'patch schedule': ['200 active', '200 stopped', '200 active'],
  'patch schedule and status stopped': ['200 stopped', '200 stopped', '409 completed'],
  'patch bounds': ['200 active', '200 stopped', '409 completed'],
  'patch maxRuns': ['200 active', '200 stopped', '200 completed'],
  'put without status': ['200 active', '200 stopped', '200 active'],
  'put status active': ['200 active', '200 active', '200 active'],
  'put status stopped': ['200 stopped', '200 stopped', '409 completed'],
  'put status completed': ['422 active', '422 stopped', '200 active'],
  trigger: ['202 active', '202 stopped', '202 completed'],
};

describe.each(Object.keys(acts))('%s', (name) => {
  test.each(['active', 'stopped', 'completed'] as const)('of a task that is %s', async (status) => {
    const id = `${name}-${status}`.replaceAll(' ', '-');
    await taskIn(status, id);
    const [method, path, body] = acts[name] as Act;
    const answer = await api.http[method](`/tasks/${id}${path}`).send(body?.());
    const wanted = table[name]?.[['active', 'stopped', 'completed'].indexOf(status)];
    expect(`${answer.status} ${await statusOf(id)}`).toBe(wanted);
    if (answer.status === 409) {
      const leaves = name.startsWith('start') || name === 'patch status active' || name === 'patch bounds';
      expect(answer.body.code).toBe(status === 'completed' && leaves ? 'nothing_left' : 'illegal_transition');
    }
  });
});

describe('a start', () => {
  test.each(['fire_once', 'fire_all'])('with %s runs a single instant that passed meanwhile', async (catchUp) => {
    const id = `passed-${catchUp}`;
    const at = Date.now() + 1_000;
    const task = { schedule: { at: iso(at) }, target: target.url, status: 'stopped' };
    await api.http.put(`/tasks/${id}`).send(task).expect(201);
    await poll(() => Date.now() > at, { what: 'the instant to pass' });
    for (const body of [{}, { catchUp: 'skip' }]) {
      const refused = await api.http.post(`/tasks/${id}/start`).send(body).expect(409);
      expect(refused.body.code).toBe('nothing_left');
    }
    expect(await statusOf(id)).toBe('stopped');
    await api.http.post(`/tasks/${id}/start`).send({ catchUp }).expect(200);
    const [run] = await api.runsOf(id, (runs) => runs[0]?.status === 'succeeded');
    expect(run).toMatchObject({ trigger: 'catch_up', scheduledFor: iso(at) });
    await becomes(id, 'completed');
  });

  test('leaves on record what it does not make up for, and says that the task was stopped', async () => {
    const id = 'missed-meanwhile';
    const anchor = Date.now() + 500;
    const task = { schedule: { every: '100ms', anchor: iso(anchor) }, target: target.url, status: 'stopped' };
    await api.http.put(`/tasks/${id}`).send(task).expect(201);
    await poll(() => Date.now() > anchor + 1_050, { what: 'some occurrences to pass' });
    await api.http.post(`/tasks/${id}/start`).send({ catchUp: 'fire_once' }).expect(200);
    await api.http.post(`/tasks/${id}/stop`).expect(200);
    const { body } = await api.http.get(`/tasks/${id}/misses`).expect(200);
    expect(body.items.at(-1)).toMatchObject({ from: iso(anchor), reason: 'stopped', policy: 'fire_once' });
  });

  test('makes up for a run that the stop cancelled while it was queued', async () => {
    const held: (() => void)[] = [];
    target.setBehaviour('/queued', (response) => held.push(() => response.end()));
    const anchor = Date.now() + 800;
    const schedule = { every: '1h', anchor: iso(anchor) };
    const task = { schedule, target: `${target.url}/queued`, overlap: 'queue' };
    await api.http.put('/tasks/queued').send(task).expect(201);
    await api.http.post('/tasks/queued/trigger').expect(202);
    await api.runsOf('queued', (runs) => runs.some((run) => run.scheduledFor === iso(anchor)));
    for (let round = 0; round < 2; round++) {
      await api.http.post('/tasks/queued/stop').expect(200);
      await api.runsOf('queued', (runs) => runs.filter((run) => run.status === 'cancelled').length === round + 1);
      await api.http.post('/tasks/queued/start').send({ catchUp: 'fire_all' }).expect(200);
    }
    for (const answer of held) answer();
    target.setBehaviour('/queued', (response) => response.end());
    const runs = await api.runsOf('queued', (all) =>
      all.some((run) => run.scheduledFor === iso(anchor) && run.status === 'succeeded'),
    );
    expect(
      runs
        .filter((run) => run.scheduledFor === iso(anchor))
        .map((run) => run.trigger)
        .sort(),
    ).toEqual(['retry', 'retry', 'schedule']);
  });
});

describe('maxRuns', () => {
  test('counts over the life of the task, whatever else changes', async () => {
    const schedule = { every: '100ms' };
    const task = { schedule, target: target.url, overlap: 'allow', maxRuns: 5 };
    await api.http.put('/tasks/life').send(task).expect(201);
    await api.runsOf('life', (runs) => runs.length >= 2);
    for (let n = 1; n <= 10 && (await statusOf('life')) === 'active'; n++)
      await api.http.patch('/tasks/life').send({ endsAt: iso(Date.now() + n * hour) });
    await becomes('life', 'completed');
    expect(await api.runsOf('life', () => true)).toHaveLength(5);
    await api.http.patch('/tasks/life').send({ maxRuns: 7 }).expect(200);
    await becomes('life', 'completed');
    expect(await api.runsOf('life', () => true)).toHaveLength(7);
  });

  test('that comes late counts what has run, and completes the task where that is enough', async () => {
    await api.http.put('/tasks/late-limit').send({ schedule: '@every 100ms', target: target.url, overlap: 'allow' });
    await api.runsOf('late-limit', (runs) => runs.length >= 3);
    const { body } = await api.http.patch('/tasks/late-limit').send({ maxRuns: 2 }).expect(200);
    expect(body).toMatchObject({ status: 'completed', nextRunAt: null });
    await api.http.post('/tasks/late-limit/start').expect(409);
    const runs = (await api.runsOf('late-limit', () => true)).length;
    await api.http
      .patch('/tasks/late-limit')
      .send({ maxRuns: runs + 2 })
      .expect(200);
    await becomes('late-limit', 'completed');
    expect(await api.runsOf('late-limit', () => true)).toHaveLength(runs + 2);
  });
});

describe('what a change leaves alone is not judged anew', () => {
  const unchanged = (body: Body) => {
    const { version, createdAt, updatedAt, nextRunAt, lastRun, id, warnings, ...rest } = body;
    return rest;
  };

  test('a single instant that has passed, by PATCH and by PUT', async () => {
    const at = iso(Date.now() - 1_000);
    const created = { schedule: { at }, target: target.url, misfire: { grace: '2s' }, endsAt: iso(Date.now() + 100) };
    await api.http.put('/tasks/passed').send(created).expect(201);
    await becomes('passed', 'completed');
    await poll(() => Date.now() > Date.parse(at) + 3_000, { what: 'its grace to pass' });
    const { body } = await api.http.patch('/tasks/passed').send({ description: 'x' }).expect(200);
    expect(body).toMatchObject({ description: 'x', status: 'completed', schedule: { at } });
    await api.http
      .put('/tasks/passed')
      .send({ ...unchanged(body), description: 'y' })
      .expect(200);
    // The same instant in other words.
    const words = at.replace('Z', '+00:00');
    await api.http
      .put('/tasks/passed')
      .send({ ...unchanged(body), status: null, schedule: words })
      .expect(200);
    await api.http
      .patch('/tasks/passed')
      .send({ schedule: { at: iso(Date.parse(at) - hour) } })
      .expect(422);
    expect(await statusOf('passed')).toBe('completed');
  });

  test('a target that settings refuse meanwhile', async () => {
    const other = await startApi();
    const refused = 'http://10.1.2.3/';
    const task = { schedule: { manual: true }, target: refused, hooks: { onFailure: refused }, fallback: refused };
    await other.http.put('/tasks/refused').send(task).expect(201);
    await other.replica.stop();
    const strict = await startApi({ TARGET_DENY: '10.0.0.0/8', DATABASE_URL: other.database.url });
    const { body } = await strict.http.patch('/tasks/refused').send({ description: 'x' }).expect(200);
    await strict.http
      .put('/tasks/refused')
      .send({ ...unchanged(body), description: 'y' })
      .expect(200);
    await strict.http
      .put('/tasks/refused')
      .send({ ...task, description: 'z' })
      .expect(200);
    await strict.http
      .patch('/tasks/refused')
      .send({ target: { url: 'http://10.1.2.4/' } })
      .expect(422);
    // The filter still holds at the call.
    const { body: run } = await strict.http.post('/tasks/refused/trigger').expect(202);
    expect(await strict.runOver(run.id)).toMatchObject({ status: 'failed' });
  });
});

describe('a preview', () => {
  test('of an instant within its grace shows what creating it does', async () => {
    const at = iso(Date.now() - 20_000);
    const { body } = await api.http.post('/schedules/preview').send({ schedule: at }).expect(200);
    expect(body.next).toEqual([at]);
    await api.http.put('/tasks/graced').send({ schedule: at, target: target.url }).expect(201);
    const [run] = await api.runsOf('graced', (runs) => runs.length > 0);
    expect(run?.scheduledFor).toBe(at);
    await api.http
      .post('/schedules/preview')
      .send({ schedule: iso(Date.now() - 2 * hour) })
      .expect(422);
  });
});
