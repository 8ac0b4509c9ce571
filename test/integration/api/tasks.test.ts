import type { Response } from 'supertest';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { type Api, startApi } from './client.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const manual = { schedule: { manual: true }, target: 'http://127.0.0.1:9/' };

describe('creating a task', () => {
  test('answers 201 with the long form, its place and its entity tag', async () => {
    const answer = await api.http
      .post('/tasks')
      .send({ id: 'long-form', schedule: '*/5 * * * *', target: 'https://example.com/hook' })
      .expect(201);
    expect(answer.headers.location).toBe('/tasks/long-form');
    expect(answer.headers.etag).toMatch(/^"[^"]+"$/);
    expect(answer.body).toMatchObject({
      id: 'long-form',
      name: 'long-form',
      description: null,
      labels: {},
      schedule: { cron: '*/5 * * * *', timezone: 'UTC' },
      target: { type: 'http', method: 'POST', url: 'https://example.com/hook', headers: {}, successStatus: ['2xx'] },
      timeout: '30s',
      retry: { maxAttempts: 1, backoff: 'exponential', minBackoff: '1s', maxBackoff: '5m', multiplier: 2, jitter: 0.2 },
      overlap: 'skip',
      misfire: { policy: 'fire_once', grace: '1m', limit: 100 },
      startsAt: null,
      endsAt: null,
      maxRuns: null,
      jitter: null,
      priority: 5,
      status: 'active',
      version: 1,
      lastRun: null,
    });
    expect(answer.body.nextRunAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d[05]:00\.000Z$/);
  });

  test('makes an id where none is given', async () => {
    const { body } = await api.http.post('/tasks').send(manual).expect(201);
    expect(body.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('refuses an id that exists', async () => {
    await api.createManual('twice');
    const { body } = await api.http
      .post('/tasks')
      .send({ id: 'twice', ...manual })
      .expect(409);
    expect(body).toMatchObject({ status: 409, code: 'task_exists', instance: '/tasks' });
  });

  test('with an Idempotency-Key happens once, and is answered the same again', async () => {
    const send = () =>
      api.http
        .post('/tasks')
        .set('idempotency-key', 'k-1')
        .send({ id: 'keyed', ...manual });
    const answers = await Promise.all([send(), send(), send()]);
    expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201]);
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    const other = await api.http
      .post('/tasks')
      .set('idempotency-key', 'k-1')
      .send({ id: 'other', ...manual });
    expect(other.status).toBe(422);
    await api.http.get('/tasks/other').expect(404);
  });

  test('with an Idempotency-Key is answered the same once its end has passed', async () => {
    const endsAt = new Date(Date.now() + 3_000).toISOString();
    const send = (key: string) =>
      api.http
        .post('/tasks')
        .set('idempotency-key', key)
        .send({ ...manual, schedule: { every: '1s', anchor: '2026-01-01T00:00:00Z' }, endsAt });
    const first = await send('k-past').expect(201);
    await poll(() => Date.now() > Date.parse(endsAt), { what: 'the end to pass' });
    const again = await send('k-past').expect(201);
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true' });
    expect(again.text).toBe(first.text);
    await send('k-late').expect(422);
    // What was refused takes no key.
    await api.http.post('/tasks').set('idempotency-key', 'k-late').send(manual).expect(201);
  });

  test.each([
    ['every', '@every 90s', { every: '1m30s' }],
    ['a nickname', '@daily', { cron: '@daily', timezone: 'UTC' }],
    ['an instant', '2099-01-01T10:00:00+01:00', { at: '2099-01-01T09:00:00.000Z' }],
  ])('reads %s as a shorthand', async (_name, schedule, long) => {
    const { body } = await api.http.post('/tasks').send({ schedule, target: 'http://127.0.0.1:9/' }).expect(201);
    expect(body.schedule).toMatchObject(long);
  });

  test('stores a delay as the instant it leads to', async () => {
    const before = Date.now();
    const { body } = await api.http
      .post('/tasks')
      .send({ ...manual, schedule: { delay: '1h' } })
      .expect(201);
    expect(Math.abs(Date.parse(body.schedule.at) - before - 3_600_000)).toBeLessThan(30_000);
  });
});

describe('a batch', () => {
  test('stores each item on its own', async () => {
    await api.createManual('batch-taken');
    const { body } = await api.http
      .post('/tasks/batch')
      .send({
        items: [
          { id: 'batch-1', ...manual },
          { id: 'batch-taken', ...manual },
          { id: 'batch-2', ...manual, schedule: '0 0 31 2 *' },
          { id: 'batch-3', ...manual, nonsense: 1 },
          { id: 'batch-1', ...manual },
          { id: 'batch-4', ...manual },
        ],
      })
      .expect(200);
    expect(body.items.map((item: { status: number }) => item.status)).toEqual([201, 409, 422, 400, 409, 201]);
    expect(body.items[0].task.id).toBe('batch-1');
    expect(body.items[2].problem.errors[0].pointer).toBe('#/schedule');
    expect(body.items[3].problem.errors[0].pointer).toBe('#/nonsense');
    await api.http.get('/tasks/batch-4').expect(200);
    await api.http.get('/tasks/batch-2').expect(404);
    await api.http.get('/tasks/batch-3').expect(404);
  });

  test('takes a thousand items and not one more', async () => {
    const items = Array.from({ length: 1_001 }, (_, place) => ({ id: `thousand-${place}`, ...manual }));
    await api.http.post('/tasks/batch').send({ items }).expect(400);
    const { body } = await api.http
      .post('/tasks/batch')
      .send({ items: items.slice(0, 1_000) })
      .expect(200);
    expect(body.items.every((item: { status: number }) => item.status === 201)).toBe(true);
  });
});

describe('changing a task', () => {
  test('PUT creates, replaces, and keeps what time has made of it', async () => {
    const created = await api.http.put('/tasks/put').send(manual).expect(201);
    expect(created.headers.location).toBe('/tasks/put');
    const replaced = await api.http
      .put('/tasks/put')
      .send({ ...manual, name: 'New' })
      .expect(200);
    expect(replaced.body).toMatchObject({ name: 'New', version: 2, createdAt: created.body.createdAt });
    await api.http.put('/tasks/put').set('if-none-match', '*').send(manual).expect(412);
  });

  test('repeating a PUT of a fixed rate does not move it', async () => {
    const task = { schedule: '@every 1h', target: 'http://127.0.0.1:9/' };
    const first = await api.http.put('/tasks/rate').send(task).expect(201);
    const second = await api.http
      .put('/tasks/rate')
      .send({ ...task, name: 'x' })
      .expect(200);
    expect(second.body.schedule).toEqual(first.body.schedule);
    expect(second.body.nextRunAt).toBe(first.body.nextRunAt);
  });

  test('PATCH changes what it names and nothing else', async () => {
    await api.createManual('patched', { labels: { team: 'a', tier: '1' }, description: 'old' });
    const { body } = await api.http
      .patch('/tasks/patched')
      .set('content-type', 'application/merge-patch+json')
      .send(JSON.stringify({ labels: { team: null, area: 'x' }, description: null, priority: 9 }))
      .expect(200);
    expect(body).toMatchObject({ labels: { tier: '1', area: 'x' }, description: null, priority: 9, version: 2 });
  });

  test('PATCH may name another form of schedule', async () => {
    await api.createManual('form', { schedule: '0 3 * * *' });
    const { body } = await api.http
      .patch('/tasks/form')
      .send({ schedule: { every: '10m' } })
      .expect(200);
    expect(body.schedule).toMatchObject({ every: '10m' });
    expect(body.schedule.cron).toBeUndefined();
  });

  test('PATCH refuses fields that are read-only or unknown', async () => {
    await api.createManual('read-only');
    for (const field of ['version', 'createdAt', 'nextRunAt', 'lastRun', 'uid', 'id']) {
      const { body } = await api.http
        .patch('/tasks/read-only')
        .send({ [field]: 'x' })
        .expect(400);
      expect(body.errors[0].pointer).toBe(`#/${field}`);
    }
  });

  test('a change that changes nothing leaves the version', async () => {
    await api.createManual('same');
    const { body } = await api.http.patch('/tasks/same').send({ priority: 5 }).expect(200);
    expect(body.version).toBe(1);
  });

  test('If-Match never loses an update', async () => {
    await api.createManual('matched');
    const { headers } = await api.http.get('/tasks/matched').expect(200);
    const writes = await Promise.all(
      [1, 2, 3, 4, 5].map((priority) =>
        api.http
          .patch('/tasks/matched')
          .set('if-match', headers.etag as string)
          .send({ priority: priority % 5, name: `n${priority}` }),
      ),
    );
    expect(writes.filter((write) => write.status === 200)).toHaveLength(1);
    expect(writes.filter((write) => write.status === 412)).toHaveLength(4);
  });

  test('changes without If-Match are all applied', async () => {
    await api.createManual('unmatched');
    const names = ['a', 'b', 'c', 'd', 'e'];
    await Promise.all(
      names.map((name) =>
        api.http
          .patch('/tasks/unmatched')
          .send({ labels: { [name]: 'x' } })
          .expect(200),
      ),
    );
    const { body } = await api.http.get('/tasks/unmatched').expect(200);
    expect(Object.keys(body.labels).sort()).toEqual(names);
    expect(body.version).toBe(6);
  });

  test('start and stop answer the task, and 409 where it is so already', async () => {
    await api.createManual('toggled');
    await api.http.post('/tasks/toggled/start').expect(409);
    const stopped = await api.http.post('/tasks/toggled/stop').expect(200);
    expect(stopped.body).toMatchObject({ status: 'stopped', nextRunAt: null });
    await api.http.post('/tasks/toggled/stop').expect(409);
    expect((await api.http.post('/tasks/toggled/start').expect(200)).body.status).toBe('active');
  });

  test('a deleted task is gone, and its id is free again', async () => {
    const first = await api.http
      .post('/tasks')
      .send({ id: 'reborn', ...manual })
      .expect(201);
    await api.http.delete('/tasks/reborn').expect(204);
    await api.http.get('/tasks/reborn').expect(404);
    await api.http.delete('/tasks/reborn').expect(404);
    const second = await api.http
      .post('/tasks')
      .send({ id: 'reborn', ...manual })
      .expect(201);
    expect(second.headers.etag).not.toBe(first.headers.etag);
  });

  test('GET with a known entity tag is answered 304', async () => {
    await api.createManual('tagged');
    const { headers } = await api.http.get('/tasks/tagged').expect(200);
    await api.http
      .get('/tasks/tagged')
      .set('if-none-match', headers.etag as string)
      .expect(304);
  });
});

describe('listing tasks', () => {
  test('page by page gives every task once, also while others come and go', async () => {
    const ids = Array.from({ length: 25 }, (_, place) => `page-${String(place).padStart(2, '0')}`);
    await api.http
      .post('/tasks/batch')
      .send({ items: ids.map((id) => ({ id, ...manual, labels: { set: 'pages' } })) })
      .expect(200);
    const seen: string[] = [];
    let path: string | null = '/tasks?limit=10&label=set:pages';
    while (path !== null) {
      const answer: Response = await api.http.get(path).expect(200);
      seen.push(...answer.body.items.map((task: { id: string }) => task.id));
      path = /<([^>]+)>; rel="next"/.exec(answer.headers.link ?? '')?.[1] ?? null;
      expect(path === null).toBe(answer.body.nextCursor === null);
      await api.createManual(`page-0-${seen.length}`, { labels: { set: 'pages' } });
    }
    expect(ids.every((id) => seen.filter((one) => one === id).length === 1)).toBe(true);
  });

  test('filters by status, labels and text', async () => {
    await api.createManual('filter-a', { labels: { team: 'red', env: 'prod' }, name: '100% Sure_thing' });
    await api.createManual('filter-b', { labels: { team: 'red' }, status: 'stopped' });
    const list = async (query: string) =>
      (await api.http.get(`/tasks?${query}`).expect(200)).body.items.map((task: { id: string }) => task.id);
    expect(await list('label=team:red')).toEqual(['filter-a', 'filter-b']);
    expect(await list('label=team:red&label=env:prod')).toEqual(['filter-a']);
    expect(await list('label=team:red&status=stopped')).toEqual(['filter-b']);
    expect(await list('q=100%25%20sure_')).toEqual(['filter-a']);
    expect(await list('q=FILTER-B')).toEqual(['filter-b']);
  });

  test.each(['limit=0', 'limit=201', 'limit=x', 'cursor=!!!', 'status=odd', 'label=nocolon', 'odd=1', 'include=odd'])(
    'refuses %s',
    async (query) => {
      const { body } = await api.http.get(`/tasks?${query}`).expect(400);
      expect(body.errors[0].pointer).toMatch(/^#\//);
    },
  );
});

describe('events', () => {
  test('tell who did what to a task, newest first', async () => {
    await api.createManual('eventful', {
      target: { url: 'http://127.0.0.1:9/', headers: { authorization: 'Bearer hush' } },
    });
    await api.http.patch('/tasks/eventful').set('x-request-id', 'my-request').send({ priority: 1 }).expect(200);
    await api.http
      .patch('/tasks/eventful')
      .send({ target: { headers: { authorization: 'Bearer other' } } })
      .expect(200);
    await api.http.post('/tasks/eventful/stop').expect(200);
    await api.http.post('/tasks/eventful/start').expect(200);
    await api.http.delete('/tasks/eventful').expect(204);
    const { body, text } = await api.http.get('/tasks/eventful/events').expect(200);
    expect(body.items.map((event: { type: string }) => event.type)).toEqual([
      'deleted',
      'started',
      'stopped',
      'updated',
      'updated',
      'created',
    ]);
    expect(body.items[4]).toMatchObject({
      actor: 'anonymous',
      requestId: 'my-request',
      changes: { priority: { from: 5, to: 1 } },
    });
    expect(text).not.toContain('hush');
  });
});

describe('next and preview', () => {
  test('next gives what will fire, and nothing for a stopped task', async () => {
    await api.createManual('nexts', { schedule: { cron: '0 2 * * *', timezone: 'Europe/Berlin' } });
    const { body } = await api.http.get('/tasks/nexts/next?count=3&from=2099-03-28T00:00:00Z').expect(200);
    expect(body.items).toEqual(['2099-03-28T01:00:00.000Z', '2099-03-29T01:00:00.000Z', '2099-03-30T00:00:00.000Z']);
    await api.http.post('/tasks/nexts/stop').expect(200);
    expect((await api.http.get('/tasks/nexts/next').expect(200)).body.items).toEqual([]);
    await api.http.get('/tasks/nexts/next?count=1001').expect(400);
    await api.http.get('/tasks/nexts/next?from=yesterday').expect(400);
  });

  test('startsAt, endsAt and maxRuns bound what will fire', async () => {
    await api.createManual('bounded', {
      schedule: { cron: '0 0 * * *' },
      startsAt: '2099-01-10T00:00:00Z',
      endsAt: '2099-01-12T00:00:00Z',
    });
    const { body } = await api.http.get('/tasks/bounded/next?count=9').expect(200);
    expect(body.items).toEqual(['2099-01-10T00:00:00.000Z', '2099-01-11T00:00:00.000Z', '2099-01-12T00:00:00.000Z']);
    const { body: patched } = await api.http.patch('/tasks/bounded').send({ maxRuns: 2 }).expect(200);
    expect(patched.maxRuns).toBe(2);
    expect((await api.http.get('/tasks/bounded/next?count=9').expect(200)).body.items).toHaveLength(2);
  });

  test('jitter moves occurrences by less than itself, always the same way', async () => {
    await api.createManual('jittered', { schedule: { cron: '0 * * * *' }, jitter: '10m' });
    const read = async () =>
      (await api.http.get('/tasks/jittered/next?count=50&from=2099-01-01T00:00:00Z').expect(200)).body.items;
    const items: string[] = await read();
    expect(await read()).toEqual(items);
    for (const item of items) expect(Date.parse(item) % 3_600_000).toBeLessThanOrEqual(600_000);
    expect(new Set(items.map((item) => Date.parse(item) % 3_600_000)).size).toBeGreaterThan(40);
  });

  test('preview tells the long form, a description and the next instants, and stores nothing', async () => {
    const before = (await api.http.get('/tasks?limit=200').expect(200)).body.items.length;
    const { body } = await api.http
      .post('/schedules/preview')
      .send({ schedule: '30 9 * * 1-5', from: '2026-12-01T00:00:00Z', count: 2 })
      .expect(200);
    expect(body.canonical).toEqual({ cron: '30 9 * * 1-5', timezone: 'UTC' });
    expect(body.description).toMatch(/Monday through Friday/);
    expect(body.next).toEqual(['2026-12-01T09:30:00.000Z', '2026-12-02T09:30:00.000Z']);
    const { body: refused } = await api.http.post('/schedules/preview').send({ schedule: '0 0 31 2 *' }).expect(422);
    expect(refused.errors[0].pointer).toBe('#/schedule');
    expect((await api.http.get('/tasks?limit=200').expect(200)).body.items).toHaveLength(before);
  });
});

test('a task in a list reads as the task itself, the first time and after that, also when it changes', async () => {
  const made = { labels: { kind: 'same' }, target: manual.target };
  await api.http
    .post('/tasks')
    .send({ id: 'same-1', schedule: '0 3 1 1 *', ...made })
    .expect(201);
  await api.http
    .post('/tasks')
    .send({ id: 'same-2', schedule: { manual: true }, ...made })
    .expect(201);
  await api.http.post('/tasks/same-2/trigger').set('prefer', 'wait=10').expect(202);
  const same = async () => {
    const { body } = await api.http.get('/tasks?label=kind:same').expect(200);
    for (const item of body.items) expect((await api.http.get(`/tasks/${item.id}`)).body).toEqual(item);
    return body.items;
  };
  expect(await same()).toMatchObject([
    { id: 'same-1', nextRunAt: expect.stringMatching(/-01-01T03:00:00.000Z$/), lastRun: null },
    { id: 'same-2', nextRunAt: null, lastRun: { status: 'failed' } },
  ]);
  await api.http.patch('/tasks/same-1').send({ description: 'other' }).expect(200);
  expect((await same())[0].description).toBe('other');
});
