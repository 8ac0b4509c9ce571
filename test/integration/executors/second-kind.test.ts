import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { type Clerk, createParcelKind } from './parcel/kind.ts';
import { startWithKinds } from './with-kinds.ts';

// biome-ignore lint/suspicious/noExplicitAny: what the API answers with is exactly what the tests look into.
type Body = Record<string, any>;

const clerks = new Map<string, Clerk>();
const { kind, started } = createParcelKind(clerks);
let replica: Awaited<ReturnType<typeof startWithKinds>>;
beforeAll(async () => {
  replica = await startWithKinds([kind]);
});

const failure = { kind: 'unavailable', message: 'the depot is closed' } as const;
const attemptsAt = (depot: string) => started.filter(({ target }) => target.depot === depot);

/** A task at a depot of its own, never due by itself. */
async function create(depot: string, clerk: Clerk, more: Body = {}): Promise<Body> {
  clerks.set(depot, clerk);
  const task = { id: depot, schedule: { manual: true }, target: { type: 'parcel', depot }, ...more };
  return (await replica.ask('post', '/tasks', task).expect(201)).body;
}

const trigger = async (id: string): Promise<Body> =>
  (await replica.ask('post', `/tasks/${id}/trigger`).expect(202)).body;
const read = async (id: string): Promise<Body> => (await replica.ask('get', `/runs/${id}`).expect(200)).body;
const runOnce = (id: string, is: (run: Body) => boolean): Promise<Body> =>
  poll(async () => ((run) => is(run) && run)(await read(id)), { what: `run ${id}` });
const over = (id: string) => runOnce(id, ({ finishedAt }) => finishedAt !== null);
const held = (id: string) => runOnce(id, ({ heartbeatDueAt }) => heartbeatDueAt !== null);

describe('a task whose target is of a second kind', () => {
  test('is stored in the canonical form that the kind gives it', async () => {
    clerks.set('north', () => ({}));
    const { target } = await create('canonical', () => ({}), { target: { type: 'parcel', depot: 'NORTH' } });
    expect(target).toEqual({ type: 'parcel', depot: 'north' });
  });

  test.each([
    [{ type: 'parcel' }, '#/target/depot', 'is required'],
    [{ type: 'parcel', depot: 7 }, '#/target/depot', 'must be string'],
    [{ type: 'parcel', depot: 'x', url: 'http://a.example/' }, '#/target/url', 'is not a known field'],
    [{ type: 'pigeon', depot: 'x' }, '#/target/type', 'must be one of http, parcel'],
  ])('is refused for its form: %j', async (target, pointer, detail) => {
    const { body } = await replica.ask('post', '/tasks', { schedule: '@daily', target }).expect(400);
    expect(body.errors).toContainEqual({ pointer, detail: expect.stringContaining(detail) });
    expect(body.errors.map((error: Body) => error.detail).join()).not.toContain('schema');
  });

  test('is refused for what the kind finds wrong with it, every fault with its pointer', async () => {
    const target = { type: 'parcel', depot: 'nowhere', code: '0000' };
    const { body } = await replica.ask('post', '/tasks', { schedule: '@daily', target, fallback: target }).expect(422);
    expect(body.errors.map((error: Body) => error.pointer)).toEqual([
      ...['#/target/depot', '#/target/code'],
      ...['#/fallback/depot', '#/fallback/code'],
    ]);
  });

  test('hides its credentials, and takes the mask back for them', async () => {
    const target = { type: 'parcel', depot: 'secret', code: '7391' };
    await create('secret', () => ({}), { target });
    const shown = (await replica.ask('get', '/tasks/secret', undefined, 'reader').expect(200)).body;
    expect(shown.target).toEqual({ ...target, code: '••••••' });
    const patch = { description: 'new', target: { code: '••••••' } };
    const patched = await replica.ask('patch', '/tasks/secret', patch).expect(200);
    expect(patched.body.target).toEqual(target);
    const log = (await replica.ask('get', '/tasks/secret/events').expect(200)).text;
    expect(log).not.toContain('7391');
    const unknown = { schedule: '@daily', target: { ...target, code: '••••••' } };
    const refused = await replica.ask('post', '/tasks', unknown).expect(422);
    expect(refused.body.errors).toMatchObject([{ pointer: '#/target/code' }]);
  });

  test('is tried by a test call, which shows the target where the kind tells of no request', async () => {
    const target = { type: 'parcel', depot: 'tried', code: '7391' };
    await create('tried', () => ({ output: 'left' }), { target, schedule: '@daily' });
    const request = { ...target, code: '••••••' };
    const outcome = { status: 'succeeded', httpStatus: null, output: 'left', error: null };
    const { body } = await replica.ask('post', '/tasks/tried/test').expect(200);
    expect(body).toMatchObject({ request, outcome });
    expect((await replica.ask('post', '/targets/test', { target }).expect(200)).body).toMatchObject({
      request,
      outcome,
    });
    const attempts = attemptsAt('tried').map(({ trigger, attempt, token }) => [trigger, attempt, token]);
    expect(attempts).toEqual(Array(2).fill(['test', 1, null]));
    const unknown = { target: { type: 'parcel', depot: 'nowhere' } };
    const refused = await replica.ask('post', '/targets/test', unknown).expect(422);
    expect(refused.body.errors).toMatchObject([{ pointer: '#/target/depot' }]);
    const { body: due } = await replica.ask('get', '/forecast?by=origin&bucket=1h').expect(200);
    expect(due.buckets).toMatchObject([{ key: 'parcel:tried', fires: 1 }]);
  });

  test('can be made one of the other kind, and back', async () => {
    await create('turning', () => ({}));
    const http = { type: 'http', url: 'http://127.0.0.1:9/' };
    const there = await replica.ask('patch', '/tasks/turning', { target: http }).expect(200);
    expect(there.body.target).toMatchObject({ ...http, method: 'POST' });
    const back = await replica.ask('patch', '/tasks/turning', { target: { type: 'parcel', depot: 'turning' } });
    expect(back.body.target).toEqual({ type: 'parcel', depot: 'turning' });
  });

  test('leaves targets that name no type to HTTP', async () => {
    const task = { schedule: { manual: true }, target: 'http://127.0.0.1:9/' };
    const { body } = await replica.ask('post', '/tasks', task).expect(201);
    expect(body.target).toMatchObject({ type: 'http', url: task.target });
  });
});

describe('its run', () => {
  test('is made by the kind, with the detail of its outcome', async () => {
    await create('south', () => ({ detail: { receipt: 'S-1' }, output: 'taken' }));
    const run = await over((await trigger('south')).id);
    expect(run).toMatchObject({
      status: 'succeeded',
      result: { httpStatus: null, output: 'taken', detail: { receipt: 'S-1' } },
      attempts: [{ attempt: 1, status: 'succeeded', httpStatus: null, detail: { receipt: 'S-1' } }],
    });
    expect(attemptsAt('south')).toMatchObject([{ runId: run.id, attempt: 1, trigger: 'manual' }]);
  });

  test('is retried as the task says', async () => {
    const clerk: Clerk = ({ attempt }) =>
      attempt < 3 ? { status: 'failed', error: failure, detail: { tries: attempt } } : { detail: { tries: attempt } };
    await create('west', clerk, { retry: { maxAttempts: 3, minBackoff: '10ms', jitter: 0 } });
    const run = await over((await trigger('west')).id);
    expect(run).toMatchObject({ status: 'succeeded', attempt: 3 });
    expect(run.attempts).toMatchObject([
      { attempt: 1, status: 'failed', error: failure, detail: { tries: 1 } },
      { attempt: 2, status: 'failed', error: failure, detail: { tries: 2 } },
      { attempt: 3, status: 'succeeded', error: null, detail: { tries: 3 } },
    ]);
  });

  test('is held by somebody else, and completed by them', async () => {
    const clerk: Clerk = ({ holdMs }) => ({
      status: 'held',
      held: { until: Date.now() + Number(holdMs), waitsFor: 'receipt' },
      detail: { shelf: 4 },
    });
    await create('held', clerk, { heartbeatTimeout: '30s' });
    const run = await held((await trigger('held')).id);
    expect(run).toMatchObject({ status: 'running', result: { detail: { shelf: 4 } } });
    expect(run.attempts).toMatchObject([{ attempt: 1, status: 'running', finishedAt: null, detail: { shelf: 4 } }]);
    expect(run.attempts[0]).not.toHaveProperty('waitsFor');
    const [attempt] = attemptsAt('held');
    const say = (what: string, body: object) =>
      replica.http.post(`/runs/${run.id}/${what}`).set('x-run-token', String(attempt?.token)).send(body);
    expect((await say('heartbeat', { progress: 0.5 }).expect(200)).body.progress).toBe(0.5);
    const { body } = await say('complete', { output: 'fetched' }).expect(200);
    expect(body).toMatchObject({ status: 'succeeded', heartbeatDueAt: null, result: { output: 'fetched' } });
    expect(body.attempts).toMatchObject([{ attempt: 1, status: 'succeeded', detail: { shelf: 4 } }]);
    await say('complete', {}).expect(409);
  });

  test('ends at the deadline that the kind gave to who holds it', async () => {
    const clerk: Clerk = () => ({ status: 'held', held: { until: Date.now() + 200, waitsFor: 'receipt' } });
    await create('forgotten', clerk);
    const run = await over((await trigger('forgotten')).id);
    expect(run).toMatchObject({ status: 'timed_out', error: { kind: 'timeout' } });
    expect(run.error.message).toMatch(/^no receipt within \d+ms$/);
  });

  test('is cancelled while the kind works on it', async () => {
    await create('slow', () => new Promise(() => {}));
    const { id } = await trigger('slow');
    await expect.poll(() => attemptsAt('slow').length).toBe(1);
    await replica.ask('post', `/runs/${id}/cancel`).expect(202);
    expect(await over(id)).toMatchObject({ status: 'cancelled' });
  });

  test('waits for its limit', async () => {
    let leave = () => {};
    const clerk: Clerk = () => new Promise((resolve) => (leave = () => resolve({})));
    await create('narrow', clerk, { overlap: 'allow', concurrency: { key: 'door', limit: 1 } });
    const first = await trigger('narrow');
    await expect.poll(() => attemptsAt('narrow').length).toBe(1);
    const second = await trigger('narrow');
    // Another that has no limit, asked for later, is over before it.
    await create('wide', () => ({}));
    await over((await trigger('wide')).id);
    expect(await read(second.id)).toMatchObject({ status: 'pending', attempt: 0 });
    expect(attemptsAt('narrow')).toHaveLength(1);
    leave();
    await expect.poll(() => attemptsAt('narrow').length).toBe(2);
    leave();
    expect([(await over(first.id)).status, (await over(second.id)).status]).toEqual(['succeeded', 'succeeded']);
  });

  test('opens the circuit of its own group, and goes to the fallback meanwhile', async () => {
    await create('broken', () => ({ status: 'failed', error: failure }), { overlap: 'allow' });
    for (let calls = 0; calls < 20; calls++) await over((await trigger('broken')).id);
    await expect
      .poll(async () => (await replica.ask('get', '/cluster')).body.replicas[0].breakers, { timeout: 10_000 })
      .toMatchObject([{ origin: 'parcel:broken', state: 'open' }]);
    const fallback = { type: 'parcel', depot: 'south' };
    await replica.ask('patch', '/tasks/broken', { fallback }).expect(200);
    const run = await over((await trigger('broken')).id);
    expect(run).toMatchObject({ status: 'succeeded', result: { output: 'taken' } });
  });
});
