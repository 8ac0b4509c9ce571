import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let client: pg.Client;
beforeAll(async () => {
  api = await startApi({ TARGET_DENY: 'none' });
  client = new pg.Client({ connectionString: api.database.url });
  await client.connect();
  await api.http.put('/namespaces/other').send({}).expect(201);
  await api.http.put('/namespaces/many').send({}).expect(201);
});
afterAll(() => client.end());

const day = '2031-06-02';
const hour = `from=${day}T10:00:00Z&to=${day}T11:00:00Z`;
const at = (time: string) => `${day}T${time}:00.000Z`;

async function create(id: string, schedule: unknown, more: Body = {}): Promise<void> {
  await api.http
    .post(`${more.ns ?? ''}/tasks`)
    .send({ id, schedule, target: 'http://127.0.0.1:9/a', ...more, ns: undefined })
    .expect(201);
}

const ask = async (query: string, ns = ''): Promise<Body> =>
  (await api.http.get(`${ns}/forecast?${query}`).expect(200)).body;
/** Only the buckets in which something fires. */
const filled = ({ buckets }: Body) => buckets.filter((bucket: Body) => bucket.fires > 0);

describe('GET /forecast', () => {
  test('tells what active tasks of the namespace will fire, as soon as they are written', async () => {
    await create('half', '*/30 * * * *', { labels: { team: 'ops' } });
    await create('daily', '30 10 * * *', { labels: { team: 'ops' }, target: 'https://b.example:8443/x?y' });
    await create('limited', { cron: '* * * * *' }, { startsAt: at('10:58'), maxRuns: 1 });
    await create('stopped', '* * * * *', { status: 'stopped' });
    await create('manual', { manual: true });
    await create('elsewhere', '* * * * *', { ns: '/ns/other' });
    const body = await ask(hour);
    expect(body.buckets).toHaveLength(60);
    expect(filled(body)).toEqual([
      { at: at('10:00'), fires: 1 },
      { at: at('10:30'), fires: 2 },
      { at: at('10:58'), fires: 1 },
    ]);
    expect(body.peaks).toEqual([
      {
        ...{ at: at('10:30'), fires: 2 },
        top: [
          { task: 'daily', fires: 1 },
          { task: 'half', fires: 1 },
        ],
      },
      { at: at('10:00'), fires: 1, top: [{ task: 'half', fires: 1 }] },
      { at: at('10:58'), fires: 1, top: [{ task: 'limited', fires: 1 }] },
    ]);
    expect(body).toMatchObject({ sampled: false, factor: 1 });

    const [minute] = (await ask(`from=${at('10:30')}&to=${at('10:31')}`)).buckets;
    expect(minute).toEqual({ at: at('10:30'), fires: 2 });
    await api.http.post('/tasks/half/stop').expect(200);
    expect(filled(await ask(hour))[0]).toEqual({ at: at('10:30'), fires: 1 });
    await api.http.post('/tasks/half/start').expect(200);
    expect(filled(await ask(hour, '/ns/other'))).toHaveLength(60);
    expect(await ask(hour, '/ns/default')).toEqual(body);
  });

  test('splits the counts by the origin of the target or by a label', async () => {
    expect((await ask(`${hour}&bucket=1h&by=origin`)).buckets).toEqual([
      { at: at('10:00'), key: 'http://127.0.0.1:9', fires: 3 },
      { at: at('10:00'), key: 'https://b.example:8443', fires: 1 },
    ]);
    expect((await ask(`${hour}&bucket=1h&by=label:team`)).buckets).toEqual([
      { at: at('10:00'), key: null, fires: 1 },
      { at: at('10:00'), key: 'ops', fires: 3 },
    ]);
  });

  test('covers a day of minutes from the current one on when nothing else is asked for', async () => {
    const before = Date.now();
    const { buckets } = await ask('');
    const first = Date.parse(buckets[0].at);
    expect(first % 60_000).toBe(0);
    expect([Math.floor(before / 60_000), Math.floor(Date.now() / 60_000)]).toContain(first / 60_000);
    expect(buckets).toHaveLength(1_440);
  });

  test('has a sample where there are more than 100,000 tasks, and says so', { timeout: 120_000 }, async () => {
    const zoned = { cron: '0 10 * * *', timezone: 'UTC' };
    await create('copied', zoned, { ns: '/ns/many' });
    await client.query(
      `insert into tasks (namespace, id, name, description, labels, schedule, target, timeout_ms, retry, overlap, misfire,
         priority, status, active_from, created_at, updated_at)
       select namespace, 'copy-' || n, name, description, labels, schedule, target, timeout_ms, retry, overlap, misfire,
         priority, status, active_from, created_at, updated_at
       from tasks, generate_series(1, 150000) n where namespace = 'many'`,
    );
    const body = await ask(`${hour}&bucket=1h&by=origin`, '/ns/many');
    expect(body.sampled).toBe(true);
    expect(body.factor).toBeCloseTo(2, 1);
    expect(body.buckets).toMatchObject([{ fires: 150_001 }]);
    expect(body.peaks[0]).toMatchObject({ fires: 150_001, top: Array(10).fill({ fires: 1 }) });
  });

  test.each([
    ['bucket=2m', 400, '#/bucket'],
    ['by=task', 400, '#/by'],
    ['by=label:', 400, '#/by'],
    ['from=tomorrow', 400, '#/from'],
    ['odd=1', 400, '#/odd'],
    [`from=${at('10:00')}&to=${at('10:00')}`, 422, '#/to'],
    [`from=${at('10:00')}&to=2031-06-04T10:00:00Z`, 422, '#/to'],
    ['from=2020-01-01T00:00:00Z', 422, '#/from'],
  ])('refuses %s with %i', async (query, code, pointer) => {
    const { body } = await api.http.get(`/forecast?${query}`).expect(code);
    expect(body.errors[0].pointer).toBe(pointer);
  });

  test('has room for a few at a time, and asks others to come again', { timeout: 60_000 }, async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.http.get('/ns/many/forecast')));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(8);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const { status, headers, body } of refused)
      expect([status, body.code, headers['retry-after']]).toEqual([503, 'unavailable', '1']);
    await api.http.get('/ns/many/forecast').expect(200);
  });
});
