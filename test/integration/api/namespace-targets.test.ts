import supertest from 'supertest';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startInProcess } from '../../services/in-process.ts';
import { startTarget, type Target } from '../../target.ts';
import { openPool } from '../store/store.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let target: Target;
/** A target by a name whose address only the resolver tells. */
let byName: string;
let other: ReturnType<typeof supertest>;
beforeAll(async () => {
  target = await startTarget();
  byName = target.url.replace('127.0.0.1', 'localhost');
  const env = { TARGET_DENY: '127.0.0.3' };
  api = await startApi(env);
  const replica = await startInProcess({ env: { DATABASE_URL: api.database.url, ...env } });
  other = supertest(replica.url);
  await poll(async () => (await other.get('/readyz')).status === 200, { what: 'the other replica to be ready' });
});
beforeEach(() => {
  target.requests.length = 0;
});

const rules = (id: string, body: Body) => api.http.put(`/namespaces/${id}`).send(body);
const create = (namespace: string, id: string, task: Body) =>
  api.http.post(`/ns/${namespace}/tasks`).send({ id, schedule: { manual: true }, ...task });

/** The run of a trigger, once it is over. */
async function runOf(namespace: string, id: string, replica = api.http): Promise<Body> {
  const { body } = await replica.post(`/ns/${namespace}/tasks/${id}/trigger`).expect(202);
  return poll(
    async () => {
      const run = (await replica.get(`/ns/${namespace}/runs/${body.id}`).expect(200)).body;
      return run.finishedAt !== null && (run as Body);
    },
    { what: `the run of ${id} to be over` },
  );
}

describe('a literal address that the namespace refuses', () => {
  test.each([
    [{ target: 'http://127.0.0.1:9/' }, '#/target/url'],
    [{ target: { url: 'http://a.example/', proxy: 'http://127.0.0.1:9' } }, '#/target/proxy'],
    [{ target: 'http://a.example/', fallback: 'http://127.0.0.1:9/' }, '#/fallback/url'],
    [{ target: 'http://a.example/', hooks: { onFailure: 'http://127.0.0.1:9/' } }, '#/hooks/onFailure/url'],
  ])('in %j is a 422 with a pointer', async (task, pointer) => {
    await rules('strict', { targetDeny: ['private'] });
    const { body } = await create('strict', 'a', task).expect(422);
    expect(body.errors).toEqual([
      { pointer, detail: 'the address 127.0.0.1 is refused by the targetDeny of namespace strict' },
    ]);
    await api.http
      .post('/tasks')
      .send({ schedule: { manual: true }, ...task })
      .expect(201);
  });

  test('stays in a task that has it, and a change of other fields is taken', async () => {
    await rules('later', {});
    await create('later', 'a', { target: target.url }).expect(201);
    await rules('later', { targetAllow: ['a.example'] });
    await api.http.patch('/ns/later/tasks/a').send({ description: 'still there' }).expect(200);
    const { body } = await api.http.patch('/ns/later/tasks/a').send({ target: 'http://b.example/' }).expect(422);
    expect(body.errors[0].detail).toBe(
      'the host b.example is not among those that the targetAllow of namespace later permits',
    );
    expect(await runOf('later', 'a')).toMatchObject({ status: 'failed', error: { kind: 'rejected' } });
    expect(target.requests).toHaveLength(0);
  });

  test('is never allowed by a namespace where settings refuse it', async () => {
    await rules('wide', { targetAllow: ['127.0.0.3', '127.0.0.1'] });
    const { body } = await create('wide', 'a', { target: 'http://127.0.0.3:9/' }).expect(422);
    expect(body.errors[0].detail).toBe('the address 127.0.0.3 is refused by the setting TARGET_DENY');
  });
});

describe('when a run calls', () => {
  const refused = (address: string, namespace: string) => ({
    status: 'failed',
    error: {
      kind: 'rejected',
      message: expect.stringMatching(`${address} is refused by the targetDeny of namespace ${namespace}$`),
    },
  });

  test('the address of a name is judged, also where another namespace has a connection to it', async () => {
    await rules('open', {});
    await rules('names', { targetDeny: ['127.0.0.0/8', '::1'] });
    await create('open', 'a', { target: byName }).expect(201);
    await create('names', 'a', { target: byName }).expect(201);
    expect(await runOf('open', 'a')).toMatchObject({ status: 'succeeded' });
    expect(target.requests.map(({ headers }) => headers['x-namespace'])).toEqual(['open']);
    expect(await runOf('names', 'a')).toMatchObject(refused('(127.0.0.1|::1)', 'names'));
    expect(target.requests).toHaveLength(1);
  });

  test('a redirect is judged like the first address', async () => {
    await rules('redirects', { targetDeny: ['127.0.0.2'] });
    target.setBehaviour(
      '/from',
      (response) => void response.writeHead(302, { location: `http://127.0.0.2:${target.port}/secret` }).end(),
    );
    await create('redirects', 'a', { target: { url: `${target.url}/from`, redirect: 'follow' } }).expect(201);
    expect(await runOf('redirects', 'a')).toMatchObject(refused('127.0.0.2', 'redirects'));
    expect(target.requests.map(({ path }) => path)).toEqual(['/from']);
  });

  test('a hook is judged too', async () => {
    await rules('hooked', { targetDeny: ['127.0.0.0/8', '::1'] });
    await create('hooked', 'a', {
      target: 'http://127.0.0.3.invalid/',
      hooks: { before: { url: byName, onError: 'skip' } },
    }).expect(201);
    expect((await runOf('hooked', 'a')).reason).toMatch(/before hook failed: .*targetDeny of namespace hooked/);
    expect(target.requests).toHaveLength(0);
  });

  test('and so is a hook that is told of the end of a run', async () => {
    await rules('told', { targetDeny: ['127.0.0.0/8', '::1'] });
    await create('told', 'a', { target: 'http://127.0.0.3.invalid/', hooks: { onFailure: byName } }).expect(201);
    await runOf('told', 'a');
    const tries = async () =>
      (
        await openPool(api.database.url).pool.query(
          `select from deliveries d join tasks t on t.uid = d.task_uid where t.namespace = 'told' and d.attempt > 0`,
        )
      ).rows.length;
    await poll(async () => (await tries()) > 0, { what: 'a try of the delivery' });
    expect(target.requests).toHaveLength(0);
  });

  test('a change of the rules acts on every replica', async () => {
    await rules('changing', {});
    await create('changing', 'a', { target: byName }).expect(201);
    expect(await runOf('changing', 'a', other)).toMatchObject({ status: 'succeeded' });
    await rules('changing', { targetDeny: ['127.0.0.0/8', '::1'] });
    expect(await runOf('changing', 'a')).toMatchObject(refused('(127.0.0.1|::1)', 'changing'));
    await poll(async () => (await runOf('changing', 'a', other)).status === 'failed', {
      what: 'the other replica to go by the new rules',
      withinMs: 2_000,
    });
    await rules('changing', {});
    await poll(async () => (await runOf('changing', 'a', other)).status === 'succeeded', {
      what: 'the other replica to go by the old rules again',
      withinMs: 2_000,
    });
  });
});
