import pg from 'pg';
import supertest from 'supertest';
import { beforeAll, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase, type TestDatabase } from '../../services/database.ts';
import { type Replica, startReplica } from '../../services/process.ts';
import { untilReady } from './ready.ts';

let replica: Replica;
let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
  const watch = new URL('fixtures/loop-watch.mjs', import.meta.url).href;
  replica = await startReplica({ env: { DATABASE_URL: database.url, NODE_OPTIONS: `--import=${watch}` } });
  await untilReady(supertest(replica.url));
});

/** A start that makes up for ten thousand seconds, in turns with everything else. */
async function startAfterADay(): Promise<Response> {
  const schedule = { cron: '* * * * * *', timezone: 'America/New_York' };
  const misfire = { limit: 10_000 };
  await send('PUT', '/tasks/stopped', { schedule, target, misfire, jitter: '900ms', overlap: 'allow' });
  await send('POST', '/tasks/stopped/stop');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`update tasks set active_from = active_from - interval '1 day' where id = 'stopped'`);
  await client.end();
  const answer = await send('POST', '/tasks/stopped/start', { catchUp: 'fire_all' });
  await send('DELETE', '/tasks/stopped');
  return answer;
}

/** The longest time in milliseconds that the event loop was held since this was last asked. */
async function longest(): Promise<number> {
  const said = () => replica.logs().filter(({ msg }) => msg === 'loop watched');
  const before = said().length;
  replica.kill('SIGUSR2');
  return poll(async () => said()[before]?.longest as number | undefined, { what: 'the watch to answer' });
}

async function send(method: string, path: string, body?: unknown): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${replica.url}${path}`, { method, ...(body !== undefined && { headers, body: text }) });
  await answer.text();
  return answer;
}

const many = <T>(count: number, item: (place: number) => T): T[] =>
  Array.from({ length: count }, (_, place) => item(place));
const rare = { cron: '59 59 23 31 12 +7', timezone: 'America/New_York' };
const target = 'http://127.0.0.1:9/';
const stopped = { schedule: { manual: true }, target, status: 'stopped' };
const names = (count: number) => Object.fromEntries(many(count, (place) => [`!${place}`, '']));
const zones = ['America/New_York', 'Asia/Gaza', 'Africa/Casablanca', 'Europe/Berlin', 'Pacific/Apia'];
const batch = (items: unknown[]) => () => [send('POST', '/tasks/batch', { items })];

const cases: [string, () => Promise<Response>[]][] = [
  [
    'previews of a rare schedule',
    () => many(20, () => send('POST', '/schedules/preview', { schedule: rare, count: 1_000 })),
  ],
  ['next instants of a rare schedule', () => many(10, () => send('GET', '/tasks/rare/next?count=100'))],
  [
    'a backfill of every second',
    () => [
      send('POST', '/tasks/often/backfill', {
        from: '2020-01-01T00:00:00Z',
        to: '2026-01-01T00:00:00Z',
        limit: 10_000,
      }),
    ],
  ],
  ['a start that makes up for a day of seconds', () => [startAfterADay()]],
  ['300,000 bad names of labels', batch([{ ...stopped, labels: names(300_000) }])],
  ['400,000 bad items', () => [send('POST', '/tasks/batch', `{"items":[${many(400_000, () => '""').join(',')}]}`)]],
  ['1,000 items with unknown fields', batch(many(1_000, () => names(90)))],
  ['lists of 60,000 texts', batch(many(20, () => ({ ...stopped, retry: { retryOn: many(60_000, () => '') } })))],
  ['two million lists', () => [send('POST', '/tasks/batch', `{"items":[${many(1_300_000, () => '[]').join(',')}]}`)]],
  ['a batch that is not JSON', () => [send('POST', '/tasks/batch', `{"items":[${'"aaaaaaa",'.repeat(400_000)}}`)]],
  ['a text of two million escapes', () => [send('POST', '/tasks/batch', `{"items":["${'\\n'.repeat(2_000_000)}"]}`)]],
  ['four million lines before a fault', () => [send('POST', '/tasks/batch', `${'\n'.repeat(4_000_000)}x`)]],
  ['nested lists', () => [send('POST', '/tasks/batch', '['.repeat(4_000_000))]],
  [
    'templates of dates',
    () =>
      many(10, () =>
        send('PUT', '/tasks/dates', {
          ...stopped,
          target: {
            url: target,
            template: true,
            body: many(120, () => `{{ scheduledFor | date: "${'%A'.repeat(240)}" }}`),
          },
        }),
      ),
  ],
  [
    'a batch of templates',
    batch(
      many(200, () => ({
        ...stopped,
        target: {
          url: target,
          template: true,
          body: many(120, (place) => `{{ runId | append: task.labels.a${place} | upcase }}`),
        },
      })),
    ),
  ],
  [
    'a batch of rare schedules',
    batch(
      many(1_000, (place) => ({
        schedule: { cron: `${place % 60} ${place % 59} 23 31 12 +${place % 7}`, timezone: zones[place % 5] },
        target,
      })),
    ),
  ],
  ['lists of tasks', () => many(20, () => send('GET', '/tasks?limit=200'))],
  [
    'large bodies, changed',
    () =>
      many(4, (place) =>
        send('PUT', '/tasks/large', {
          ...stopped,
          target: { url: target, body: many(40_000, (at) => at % (9 + place)) },
        }),
      ),
  ],
  [
    'a body of many small numbers with all digits',
    () => [
      send(
        'PUT',
        '/tasks/digits',
        `{"schedule":{"manual":true},"target":{"url":"${target}","body":[${'1.0,'.repeat(50_000)}1]}}`,
      ),
    ],
  ],
  ['its patch', () => [send('PATCH', '/tasks/digits', { target: { body: { a: many(50_000, () => 1) } } })]],
];

test.each(cases)('%s hold the event loop for a moment at most', { timeout: 120_000 }, async (_, ask) => {
  await send('PUT', '/tasks/rare', { schedule: rare, target });
  await send('PUT', '/tasks/often', {
    schedule: { cron: '* * * * * *', timezone: 'Europe/Berlin' },
    target,
    status: 'stopped',
  });
  await longest();
  const answers = await Promise.all(ask());
  const held = await longest();
  // On a busy machine Postgres may take longer than a request waits for it.
  for (const { status } of answers) expect(status < 500 || status === 503, `${status}`).toBe(true);
  // Without turns and bounds each of these took several hundred. The promise is 50 on a machine with nothing else to
  // do.
  expect(held).toBeLessThan(150);
});
