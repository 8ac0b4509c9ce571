/** Forecasts of 100,000 tasks: how long an answer takes, and how long the event loop of the replica is held by it. */

import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { round } from './apparatus/lateness.ts';
import { plant } from './apparatus/plant.ts';
import { createTask, startReplica, untilLoaded } from './apparatus/replica.ts';
import { report } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';

const options = readArguments({
  tasks: 100_000,
  rounds: 3,
  /** Which mixes of schedules to measure. */
  mixes: 'daily,minutely,rates,jitter',
});

/** SQL for the schedule of the n-th copy, and its jitter in milliseconds; none is due while the bench measures. */
const later = `'2036-01-01T00:00:00Z'`;
const mixes: Record<string, Record<string, string>> = {
  /** 1,440 patterns in four zones. */
  daily: {
    schedule: `jsonb_build_object('cron', format('%s %s * * *', n % 60, n / 60 % 24), 'timezone',
      (array['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'])[n % 4 + 1])`,
  },
  minutely: { schedule: `jsonb_build_object('cron', '* * * * *', 'timezone', 'UTC')` },
  /** Ten rates, each task with an anchor of its own. */
  rates: {
    schedule: `jsonb_build_object('every', (array['20s', '1m', '90s', '5m', '7m', '10m', '1h', '6h', '1d', '37s'])[n % 10 + 1],
      'anchor', to_char(timestamp '2036-01-01' + n * interval '37 ms', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
  },
  /** Hourly, each task moved by its own part of ten minutes. */
  jitter: {
    schedule: `jsonb_build_object('cron', format('%s * * * *', n % 60), 'timezone', 'Europe/Berlin')`,
    jitter_ms: '600000',
  },
};

const questions: Record<string, string> = {
  'a day of minutes': `from=2036-01-02T00:00:00Z&to=2036-01-03T00:00:00Z`,
  'a day of hours by origin': `from=2036-01-02T00:00:00Z&to=2036-01-03T00:00:00Z&bucket=1h&by=origin`,
  'one minute': `from=2036-01-02T10:00:00Z&to=2036-01-02T10:01:00Z`,
};

await runBench(async (afterwards) => {
  const services = await startServices(afterwards);
  const rows: Record<string, Record<string, number>> = {};
  for (const mix of options.mixes.split(',')) {
    const databaseUrl = await services.createDatabase(`forecast_${mix}`);
    const first = await startReplica(afterwards, { databaseUrl, redisUrl: services.redis.url, env: options.settings });
    const target = { url: services.target.url, body: { text: 'x'.repeat(200) } };
    const schedule = { cron: '0 3 1 1 *' };
    await createTask(first, { id: 'task-0', target, schedule, startsAt: '2036-01-01T00:00:00Z' });
    await first.stop();
    await plant(databaseUrl, {
      ...{ table: 'tasks', original: 'task-0', copies: options.tasks - 1 },
      columns: { id: `'task-' || n`, starts_at: later, ...mixes[mix] },
    });
    const replica = await startReplica(afterwards, {
      databaseUrl,
      redisUrl: services.redis.url,
      env: options.settings,
    });
    await untilLoaded(replica, 1, options.tasks);
    for (const [name, query] of Object.entries(questions)) {
      const took: number[] = [];
      const held: number[] = [];
      let fires = 0;
      for (let n = 0; n < options.rounds; n++) {
        await longestHold(replica.url);
        const began = performance.now();
        const answer = await fetch(`${replica.url}/forecast?${query}`);
        const body = (await answer.json()) as { buckets: { fires: number }[]; factor: number };
        took.push(performance.now() - began);
        held.push(await longestHold(replica.url));
        fires = body.buckets.reduce((sum, bucket) => sum + bucket.fires, 0);
      }
      rows[`${mix} · ${name}`] = {
        fires,
        'first ms': Math.round(took[0] as number),
        'best ms': Math.round(Math.min(...took)),
        'worst ms': Math.round(Math.max(...took)),
        'loop held, best ms': round(Math.min(...held)),
        'loop held, worst ms': round(Math.max(...held)),
      };
    }
    await replica.stop();
  }
  console.log(`\nforecasts of ${options.tasks} tasks`);
  report('forecast', services, rows, rows);
});

/** The longest delay of the event loop since the last call, in milliseconds, as perf_hooks measures it. */
async function longestHold(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_max_seconds ([\d.e-]+)/m.exec(text)?.[1] ?? Number.NaN) * 1_000;
}
