import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEvents } from '../../../event-client.ts';
import { poll } from '../../../poll.ts';
import { startTarget } from '../../../target.ts';
import { type Api, type Body, startApi } from '../client.ts';

const hash = (key: string) => createHash('sha256').update(key).digest('hex');
const keys = { root: 'the-key-of-root', a: 'the-key-of-the-admin-of-a', both: 'the-key-of-no-namespace' };

let api: Api;
let target: string;
beforeAll(async () => {
  const [started, called] = await Promise.all([
    startApi({
      TARGET_DENY: 'none',
      API_KEYS: `root:owner:${hash(keys.root)},boss:admin:${hash(keys.a)}:a,jack:reader:${hash(keys.both)}`,
      BASE_PATH: '/punctual',
      CORS_ORIGINS: 'https://app.example',
      MAX_OPEN_POLLS: '20',
      MAX_CONCURRENT_REQUESTS: '4',
    }),
    startTarget(),
  ]);
  api = started;
  target = called.url;
  for (const namespace of ['a', 'b']) await as('root').put(`/namespaces/${namespace}`, {}, 201);
});

function as(who: keyof typeof keys) {
  const authorization = `Bearer ${keys[who]}`;
  const send = (method: 'put' | 'post' | 'delete' | 'patch') => async (path: string, body: Body, status: number) =>
    (await api.http[method](`/punctual${path}`).set('authorization', authorization).send(body).expect(status))
      .body as Body;
  return {
    put: send('put'),
    post: send('post'),
    remove: send('delete'),
    follow: (path = '/stream', headers: Record<string, string> = {}) =>
      openEvents(`${api.url}/punctual${path}`, { authorization, ...headers }),
  };
}

const manual = (id: string) => ({ id, schedule: { manual: true }, target, overlap: 'allow' });

describe('a stream of what changes', () => {
  test('begins with hello, has the headers of every answer, and tells proxies to pass it on', async () => {
    const stream = await as('root').follow('/stream', { origin: 'https://app.example' });
    expect(stream.status).toBe(200);
    const hello = await stream.next('hello');
    expect(stream.events[0]).toBe(hello);
    expect(hello.id).toBe(`${JSON.parse(hello.data).replica}:${hello.id?.split(':').at(-1)}`);
    expect(Object.fromEntries(stream.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.stringMatching(/./),
      'access-control-allow-origin': 'https://app.example',
    });
  });

  test('tells of tasks that are made, changed and deleted', async () => {
    const stream = await as('root').follow('/stream?topics=tasks');
    await stream.next('hello');
    for (const [method, path, status] of [
      ['put', '/tasks/made', 201],
      ['put', '/tasks/made', 200],
      ['remove', '/tasks/made', 204],
    ] as const) {
      const from = stream.events.length;
      const { id: _, ...body } = { ...manual('made'), name: String(status) };
      await as('root')[method](path, body, status);
      const { data } = await stream.next('tasks', { from });
      expect(JSON.parse(data)).toEqual({ count: 1, tasks: ['made'] });
    }
    expect(stream.events.map(({ event }) => event)).toEqual(['hello', 'tasks', 'tasks', 'tasks']);
  });

  test('tells of runs as they are created, started, finished and cancelled, and counts all', async () => {
    const stream = await as('root').follow('/stream?topics=runs');
    await as('root').post('/tasks', manual('ran'), 201);
    for (let run = 0; run < 30; run++) await as('root').post('/tasks/ran/trigger', {}, 202);
    await poll(() => stream.counted('runs') === 90, { what: 'each run to be created, started and finished' });
    const hints = stream.events.filter(({ event }) => event === 'runs');
    for (const { data } of hints) expect(JSON.parse(data).tasks).toEqual(['ran']);
    expect(new Set(stream.events.map(({ event }) => event))).toEqual(new Set(['hello', 'runs']));
  });

  test('comes at most four times a second for each topic, and names at most 20 tasks', async () => {
    const stream = await as('root').follow('/stream?topics=tasks');
    await stream.next('hello');
    const began = performance.now();
    for (let batch = 0; batch < 10; batch++)
      await as('root').post(
        '/tasks/batch',
        { items: Array.from({ length: 30 }, (_, n) => manual(`b${batch}-${n}`)) },
        200,
      );
    await poll(() => stream.counted('tasks') === 300, { what: 'all tasks to be counted' });
    const seconds = (performance.now() - began) / 1_000;
    const hints = stream.events.filter(({ event }) => event === 'tasks');
    expect(hints.length).toBeLessThanOrEqual(Math.ceil(seconds * 4) + 1);
    for (const { data } of hints) expect(JSON.parse(data).tasks.length).toBeLessThanOrEqual(20);
  });

  test('can be of one task alone', async () => {
    const stream = await as('root').follow('/stream?topics=runs,tasks&task=mine');
    await as('root').post('/tasks/batch', { items: [manual('mine'), manual('other')] }, 200);
    for (const id of ['other', 'other', 'mine']) await as('root').post(`/tasks/${id}/trigger`, {}, 202);
    await poll(() => stream.counted('runs') === 3 && stream.counted('tasks') === 1, { what: 'the task and its run' });
    const hints = stream.events.filter(({ event }) => event !== 'hello');
    expect(hints.map(({ data }) => JSON.parse(data).tasks)).toEqual(hints.map(() => ['mine']));
  });

  test('is of the namespace that its caller acts in, and of no other', async () => {
    const [own, inA, inB, inDefault] = await Promise.all([
      as('a').follow(),
      as('root').follow('/ns/a/stream'),
      as('root').follow('/ns/b/stream'),
      as('root').follow(),
    ]);
    await as('a').post('/tasks', manual('private'), 201);
    await as('a').post('/tasks/private/trigger', {}, 202);
    for (const stream of [own, inA]) await poll(() => stream.counted('runs') === 3, { what: 'the run in a' });
    for (const stream of [own, inA]) await poll(() => stream.counted('tasks') === 1, { what: 'the task in a' });
    for (const stream of [inB, inDefault]) expect(JSON.stringify(stream.events)).not.toContain('private');
    expect(inB.counted('runs') + inB.counted('tasks')).toBe(0);
    expect((await as('a').follow('/ns/b/stream')).status).toBe(404);
  });

  test('refuses topics that are not known', async () => {
    for (const query of ['topics=runs,nothing', 'topics=', 'topic=runs', `task=${'x'.repeat(200)}`])
      expect((await as('root').follow(`/stream?${query}`)).status, query).toBe(400);
    expect((await openEvents(`${api.url}/punctual/stream`)).status).toBe(401);
  });
});

describe('a client that comes back', () => {
  test('gets what it has missed, and nothing twice', async () => {
    const first = await as('root').follow('/stream?topics=tasks');
    await first.next('hello');
    await as('root').post('/tasks', manual('before'), 201);
    const { id } = await first.next('tasks');
    first.close();
    await as('root').post('/tasks', manual('meanwhile'), 201);
    const other = await as('root').follow('/stream?topics=tasks');
    await as('root').post('/tasks', manual('meanwhile-too'), 201);
    await poll(() => other.events.some(({ data }) => data.includes('meanwhile-too')), { what: 'the second task' });
    const again = await as('root').follow('/stream?topics=tasks', { 'last-event-id': String(id) });
    await poll(() => again.counted('tasks') === 2, { what: 'what was missed' });
    expect(again.events[0]).toMatchObject({ event: 'hello', id });
    expect(again.events.slice(1).flatMap(({ data }) => JSON.parse(data).tasks)).toEqual(['meanwhile', 'meanwhile-too']);
  });

  test.each([
    ['of another replica', () => '0b1ca2a2-5a3f-4a51-8b51-0e2c19a4c3c6:7'],
    ['from before all that is kept', (replica: string) => `${replica}:0`],
    ['that was never given', (replica: string) => `${replica}:999999999999999`],
    ['that is none', () => 'nothing'],
  ])('with an id %s is asked once to read everything again', async (_, idOf) => {
    const first = await as('root').follow();
    const { replica } = JSON.parse((await first.next('hello')).data);
    const again = await as('root').follow('/stream', { 'last-event-id': idOf(replica) });
    const resync = await again.next('resync');
    await as('root').post('/tasks', manual(`after-${idOf(replica).slice(-5).replace(/\W/g, '-')}`), 201);
    const hint = await again.next('tasks');
    expect(again.events.filter(({ event }) => event === 'resync')).toHaveLength(1);
    expect(again.events[0]).toMatchObject({ event: 'hello', id: null });
    const seqOf = (text: string | null) => Number(text?.split(':').at(-1));
    expect(seqOf(hint.id)).toBeGreaterThan(seqOf(resync.id));
  });
});

describe('the streams of a replica', () => {
  test('hold no place among the requests under way, and are bounded', async () => {
    const open = await poll(
      async () => {
        const text = (await api.http.get('/metrics').expect(200)).text;
        return Number(/^http_streams_open(?:\{.*\})? (\d+)$/m.exec(text)?.[1]) === 0;
      },
      { what: 'the streams of other tests to be closed' },
    );
    expect(open).toBe(true);
    const streams = await Promise.all(Array.from({ length: 20 }, () => as('root').follow()));
    await Promise.all(streams.map((stream) => stream.next('hello')));
    await as('root').post('/tasks', manual('beside'), 201);
    const refused = await as('root').follow();
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    for (const stream of streams) expect(stream.ended()).toBe(false);
    streams[0]?.close();
    await poll(async () => (await as('root').follow()).status === 200, { what: 'a place for another stream' });
  });
});
