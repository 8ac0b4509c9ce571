/** How long a change made through one replica takes to act on another, with Redis and without. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { readArguments } from './apparatus/arguments.ts';
import { type Later, runBench } from './apparatus/cleanup.ts';
import { quantile, round } from './apparatus/lateness.ts';
import { createTask, startReplica } from './apparatus/replica.ts';
import { type Rows, report } from './apparatus/report.ts';
import { type Services, startServices } from './apparatus/services.ts';

const options = readArguments({ trials: 50 });

/** Milliseconds from the request, and from its answer, to the arrival at the target. */
type Trial = { fromRequest: number; fromAnswer: number };
type Effect = { p50Ms: number; p99Ms: number; mostMs: number; p50FromAnswerMs: number; p99FromAnswerMs: number };

await runBench(async (later) => {
  const services = await startServices(later);
  const rows: Rows = {};
  const figures: Record<string, unknown> = {};
  for (const [name, redisUrl] of [
    ['with Redis', services.redis.url],
    ['without Redis', null],
  ] as const) {
    const { effects, stop } = await measureChanges(later, services, redisUrl);
    for (const [change, effect] of Object.entries(effects)) rows[`${name}: ${change}`] = effect;
    figures[redisUrl === null ? 'withoutRedis' : 'withRedis'] = { ...effects, stop };
    console.log(`${name}: ${stop.late} of ${stop.trials} stopped tasks were called after the answer to the stop`);
  }
  console.log(`\nA change through one replica until another one calls the target; ${options.trials} trials each, ms`);
  report('change', services, rows, { trials: options.trials, ...figures });
});

async function measureChanges(later: Later, services: Services, redisUrl: string | null) {
  const { target } = services;
  const databaseUrl = await services.createDatabase(redisUrl === null ? 'alone' : 'signalled');
  const told = await startReplica(later, { databaseUrl, redisUrl, env: { MAX_CONCURRENT_RUNS: '1' } });
  const other = await startReplica(later, { databaseUrl, redisUrl });
  const client = new Client(told.url);
  later(() => client.destroy());
  const send = async (method: 'POST' | 'PATCH' | 'PUT', path: string, body: unknown, status: number) => {
    const sentAt = wallClock();
    const answer = await client.request({
      method,
      path,
      headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== status) throw new Error(`${method} ${path} was answered ${answer.statusCode}: ${text}`);
    return { sentAt, answeredAt: wallClock() };
  };

  /** How many occurrences the replica that is told has claimed: what is in its share tells nothing about the other. */
  async function claimedByTold(): Promise<number> {
    const { body } = await client.request({ method: 'GET', path: '/metrics' });
    return Number(/^scheduler_claims_total\{outcome="won"\} (\d+)/m.exec(await body.text())?.[1] ?? 0);
  }

  async function trials(change: (n: number) => Promise<{ sentAt: number; answeredAt: number }>): Promise<Effect> {
    const found: Trial[] = [];
    for (let n = 0; found.length < options.trials; n++) {
      // Not in step with anything that polls.
      await sleep(Math.random() * 500);
      await target.reset(10);
      const claimed = await claimedByTold();
      const { sentAt, answeredAt } = await change(n);
      if ((await target.waitFor(1, 10_000)) === 0) throw new Error('a change had no effect within 10 s');
      const at = (await target.arrivals()).times[0] as number;
      if ((await claimedByTold()) > claimed) continue;
      found.push({ fromRequest: at - sentAt, fromAnswer: at - answeredAt });
    }
    const sorted = (of: (trial: Trial) => number) => found.map(of).sort((a, b) => a - b);
    const requests = sorted(({ fromRequest }) => fromRequest);
    const answers = sorted(({ fromAnswer }) => fromAnswer);
    return {
      p50Ms: round(quantile(requests, 0.5)),
      p99Ms: round(quantile(requests, 0.99)),
      mostMs: round(quantile(requests, 1)),
      p50FromAnswerMs: round(quantile(answers, 0.5)),
      p99FromAnswerMs: round(quantile(answers, 0.99)),
    };
  }

  const now = () => new Date().toISOString();
  const far = '2099-01-01T00:00:00Z';
  const create = await trials((n) =>
    send('POST', '/tasks', { id: `new-${n}`, target: target.url, schedule: { at: now() } }, 201),
  );
  const reschedule = await trials(async (n) => {
    await send('POST', '/tasks', { id: `far-${n}`, target: target.url, schedule: { at: far } }, 201);
    return send('PATCH', `/tasks/far-${n}`, { schedule: { at: now() } }, 200);
  });
  const stop = await measureStops(send, claimedByTold, services);
  // From here on its only slot is taken by a call that is never answered: what waits is the other's to call.
  const hanging = {
    id: 'hanging',
    schedule: { manual: true },
    target: target.url.replace(/t$/, 'hang'),
    timeout: '1h',
  };
  await target.reset(1_000);
  await createTask(told, hanging);
  await send('POST', '/tasks/hanging/trigger', {}, 202);
  await target.waitFor(1, 10_000);
  await send('POST', '/tasks', { id: 'manual', target: target.url, schedule: { manual: true } }, 201);
  const trigger = await trials(() => send('POST', '/tasks/manual/trigger', {}, 202));
  await Promise.all([other.stop(), busyEnds(told)]);
  return { effects: { create, reschedule, trigger }, stop };
}

/** Tasks that the other replica fires every 100 ms are stopped: none may be called after the answer. */
async function measureStops(
  send: (method: 'POST', path: string, body: unknown, status: number) => Promise<{ answeredAt: number }>,
  claimedByTold: () => Promise<number>,
  { target }: Services,
): Promise<{ trials: number; late: number; latestMs: number }> {
  const trials = Math.ceil(options.trials / 5);
  let late = 0;
  let latestMs = -Infinity;
  let counted = 0;
  for (let n = 0; counted < trials; n++) {
    const claimed = await claimedByTold();
    await target.reset(1_000);
    await send('POST', '/tasks', { id: `often-${n}`, target: target.url, schedule: { every: '100ms' } }, 201);
    if ((await target.waitFor(3, 10_000)) < 3)
      throw new Error('a task every 100 ms was not called three times in 10 s');
    const { answeredAt } = await send('POST', `/tasks/often-${n}/stop`, {}, 200);
    await sleep(500);
    const afterwards = Math.max(...(await target.arrivals()).times) - answeredAt;
    if ((await claimedByTold()) > claimed) continue;
    counted++;
    latestMs = Math.max(latestMs, afterwards);
    if (afterwards > 0) late++;
  }
  return { trials, late, latestMs: round(latestMs) };
}

/** Without waiting for the call that hangs. */
async function busyEnds(busy: { pid: number; stop(): Promise<void> }): Promise<void> {
  process.kill(busy.pid, 'SIGKILL');
  await busy.stop();
}

function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
