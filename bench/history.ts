/**
 * How long a page of history takes among very many runs: the first, one in the middle and the last, with each filter.
 */

import { Client } from 'undici';
import { poll } from '../test/poll.ts';
import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { quantile, round } from './apparatus/lateness.ts';
import { plant } from './apparatus/plant.ts';
import { createTask, startReplica } from './apparatus/replica.ts';
import { type Rows, report } from './apparatus/report.ts';
import { queryOnce, startServices } from './apparatus/services.ts';

const options = readArguments({ runs: 1_000_000, tasks: 1_000, samples: 40, limit: 50 });

const day = 86_400_000;
const spanMs = 28 * day;
/** The contract's bound, in milliseconds. */
const bound = 20;

type Page = { items: { id: string; scheduledFor: string }[]; nextCursor: string | null };

await runBench(async (later) => {
  const services = await startServices(later);
  const databaseUrl = await services.createDatabase('history');
  const replica = await startReplica(later, { databaseUrl, redisUrl: services.redis.url, env: options.settings });
  const client = new Client(replica.url);
  later(() => client.destroy());
  const ask = async (path: string, method: 'GET' | 'POST' = 'GET') => {
    const { statusCode, body } = await client.request({ method, path });
    const text = await body.text();
    if (statusCode >= 300) throw new Error(`${method} ${path} was answered ${statusCode}: ${text}`);
    return JSON.parse(text);
  };

  const from = Date.now() - spanMs;
  const plantedAt = performance.now();
  await createTask(replica, { id: 'task-0', target: services.target.url, schedule: { manual: true } });
  await plant(databaseUrl, {
    table: 'tasks',
    original: 'task-0',
    copies: options.tasks - 1,
    columns: { id: `'task-' || n` },
  });
  const { id: original } = (await ask('/tasks/task-0/trigger', 'POST')) as { id: string };
  await poll(async () => ((await ask(`/runs/${original}`)) as { status: string }).status === 'succeeded', {
    what: 'the first run to be over',
  });
  await plant(
    databaseUrl,
    { table: 'runs', original, copies: options.runs - 1, columns: runColumns(from, spanMs / options.runs) },
    (rows) => console.error(`${rows} of ${options.runs} runs planted`),
  );
  const plantSeconds = Math.round((performance.now() - plantedAt) / 1_000);
  const [size] = await queryOnce(
    databaseUrl,
    `select pg_relation_size('runs')::float8 as heap, pg_indexes_size('runs')::float8 as indexes`,
  );
  const { heap, indexes } = size as { heap: number; indexes: number };

  /** A cursor behind the newest run before this instant, as the API itself gives it out. */
  const cursorAt = async (instant: number) => {
    const to = encodeURIComponent(new Date(instant).toISOString());
    return ((await ask(`/runs?limit=1&to=${to}`)) as Page).nextCursor;
  };
  const rows: Rows = {};
  const pages: Record<string, Record<string, unknown>> = {};
  let slowest = 0;
  for (const [name, path] of filters(from)) {
    const kinds: Record<string, unknown> = {};
    for (const [kind, share] of [
      ['first', 1],
      ['middle', 0.5],
      ['last', 0.0002],
    ] as const) {
      const taken: number[] = [];
      let found = 0;
      for (let sample = 0; sample < options.samples; sample++) {
        // Another place and another task each time, so that not one page alone is in memory.
        const place = from + spanMs * (kind === 'middle' ? share + (sample - options.samples / 2) / 1_000 : share);
        const cursor = kind === 'first' ? null : await cursorAt(place);
        const url = path((sample * 37) % options.tasks) + (cursor === null ? '' : `&cursor=${cursor}`);
        const askedAt = performance.now();
        const page = (await ask(url)) as Page;
        taken.push(performance.now() - askedAt);
        found += page.items.length;
      }
      taken.sort((a, b) => a - b);
      const p99Ms = round(quantile(taken, 0.99), 2);
      slowest = Math.max(slowest, p99Ms);
      kinds[kind] = {
        p50Ms: round(quantile(taken, 0.5), 2),
        p99Ms,
        items: round(found / options.samples),
      };
      rows[`${name} · ${kind}`] = { ...(kinds[kind] as Record<string, number>), '': p99Ms > bound ? 'too slow' : '' };
    }
    pages[name] = kinds;
  }
  console.log(
    `\npages of ${options.limit} among ${options.runs} runs of ${options.tasks} tasks (planted in ${plantSeconds} s)`,
  );
  report('history', services, rows, {
    runs: options.runs,
    tasks: options.tasks,
    limit: options.limit,
    slowestP99Ms: slowest,
    bytesPerRun: Math.round((heap + indexes) / options.runs),
    indexBytesPerRun: Math.round(indexes / options.runs),
    pages,
  });
});

/** Runs one after the other over the time, of all tasks in turn; failures are rare, some outcomes very rare. */
function runColumns(from: number, stepMs: number): Record<string, string> {
  const instant = `(${from}::bigint + floor(n * ${stepMs})::bigint)`;
  const uid = `(original.task_uid + n % ${options.tasks})`;
  const at = `to_timestamp(${instant} / 1000.0)`;
  // Every task gets its share of each, whatever the two numbers have in common.
  const share = `((n + n / ${options.tasks} * 31) % 100)`;
  const status = `case when n % 100000 = 7 then 'lost' when ${share} < 2 then 'failed' when ${share} = 2 then 'timed_out'
    when ${share} = 3 then 'skipped' else 'succeeded' end::run_status`;
  const trigger = `case when n % 100000 = 9 then 'catch_up' when ${share} = 4 then 'manual' else 'schedule' end::run_trigger`;
  return {
    id: `(lpad(to_hex(${instant}), 12, '0') || '80008' || lpad(to_hex(${uid}), 15, '0'))::uuid`,
    task_uid: uid,
    trigger,
    status,
    scheduled_for: at,
    due_at: at,
    rank: at,
    created_at: at,
    started_at: at,
    finished_at: at,
  };
}

/** Each filter, and some of them together, as the path of a list; `n` is the number of a task. */
function filters(from: number): [string, (n: number) => string][] {
  const query = (parameters: string) => () => `/runs?limit=${options.limit}${parameters}`;
  const instant = (share: number) => encodeURIComponent(new Date(from + spanMs * share).toISOString());
  const ofTask = (parameters: string) => (n: number) => `/tasks/task-${n}/runs?limit=${options.limit}${parameters}`;
  return [
    ['all', query('')],
    ['status=succeeded', query('&status=succeeded')],
    ['status=failed (2 %)', query('&status=failed')],
    ['status=lost (1 in 100,000)', query('&status=lost')],
    ['status=running (none)', query('&status=running')],
    ['trigger=schedule', query('&trigger=schedule')],
    ['trigger=manual (1 %)', query('&trigger=manual')],
    ['trigger=catch_up (1 in 100,000)', query('&trigger=catch_up')],
    ['trigger=retry (none)', query('&trigger=retry')],
    ['from, to (a tenth)', query(`&from=${instant(0.45)}&to=${instant(0.55)}`)],
    ['status=failed, from, to', query(`&status=failed&from=${instant(0.45)}&to=${instant(0.55)}`)],
    ['of a task', ofTask('')],
    ['of a task, status=failed', ofTask('&status=failed')],
    ['of a task, status=lost', ofTask('&status=lost')],
    ['of a task, trigger=manual', ofTask('&trigger=manual')],
  ];
}
