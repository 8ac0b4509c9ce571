/** Fairness: who must not wait while a herd drains, and how late runs are while the API is flooded. */

import { setTimeout as sleep } from 'node:timers/promises';
import { instantOfRunId } from '../src/domain/schedule/occurrence.ts';
import { type ApiAnswers, getRequest, startApiClient } from './apparatus/api-load.ts';
import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { startCost } from './apparatus/cost.ts';
import { latenessOf, quantile, round } from './apparatus/lateness.ts';
import { postRequest } from './apparatus/load.ts';
import { measure } from './apparatus/measure.ts';
import { createTask, deleteTask, type Replica, readMetric } from './apparatus/replica.ts';
import { report, sideBySide, warnOfOthers } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';
import type { Arrivals } from './apparatus/target.ts';
import { startOurs } from './contenders/ours.ts';

const options = readArguments({
  tasks: 50_000,
  rounds: 3,
  // Requests a second to the API while the herd drains.
  rate: 50,
  // Connections that flood the API, for how many seconds, and how many occurrences a second are due meanwhile.
  flood: 1_000,
  seconds: 10,
  steady: 500,
  // Whether the flood goes on at once when it is refused.
  rude: false,
});

type Row = Record<string, number | string>;

/** A task of the highest priority is due so often while the herd drains. */
const urgentEveryMs = 100;
const drainMs = 120_000;

await runBench(async (later) => {
  const services = await startServices(later);
  const { target } = services;
  const ours = await startOurs(later, services, {
    ...{ replicas: 1, settings: options.settings, nodeArguments: [], background: 0, recurring: false },
    more: () => ({}),
  });
  const replica = ours.replicas[0] as Replica;
  const client = startApiClient(later);

  async function drainHerd(name: string): Promise<Row> {
    const instant = Math.ceil((Date.now() + ours.leadMs(options.tasks)) / 1_000) * 1_000;
    await target.reset(options.tasks + 10_000);
    await ours.prepare({ count: options.tasks, repeats: 1, spread: false, instant });
    // Only now: `prepare` waits for a number of tasks.
    const schedule = { every: `${urgentEveryMs}ms`, anchor: new Date(instant + urgentEveryMs / 2).toISOString() };
    await createTask(replica, {
      ...{ id: `urgent-${name}`, target: target.url, priority: 9, overlap: 'allow', schedule },
      startsAt: new Date(instant).toISOString(),
    });
    const created: string[] = [];
    const requests = Array.from({ length: options.rate * 60 }, (_, n) => {
      if (n % 2 === 0) return getRequest('/tasks?limit=20');
      const id = `api-${name}-${n}`;
      created.push(id);
      return postRequest('/tasks', { id, target: target.url, schedule: { cron: '0 3 * * *' } });
    });
    await sleep(instant - Date.now() - 500);
    const endCost = await startCost(services, { pids: ours.pids(), databaseUrl: ours.databaseUrl });
    await sleep(instant - Date.now() - 50);
    await eventLoopDelayMs(replica);
    const load = {
      port: replica.port,
      requests,
      forMs: drainMs,
      rate: options.rate,
      connections: 8,
      heedsRetryAfter: true,
    };
    const [answers] = await Promise.all([client.send(load), drained()]);
    const loopMs = await eventLoopDelayMs(replica);
    const { othersShare } = await endCost();
    warnOfOthers(`round ${name}`, othersShare);
    await deleteTask(replica, `urgent-${name}`);
    await ours.settled();
    for (const id of created.slice(0, sum(answers.statuses) / 2)) await deleteTask(replica, id);
    return herdRow(await target.arrivals(), instant, answers, loopMs, othersShare);
  }

  async function drained(): Promise<void> {
    await target.waitFor(options.tasks, drainMs);
    await client.stop();
  }

  /** How late occurrences are, spread over time, while so many connections ask as quickly as they are answered. */
  async function steadyUnder(connections: number): Promise<Row> {
    let flood: Promise<ApiAnswers> | null = null;
    const flooded = {
      ...ours,
      async prepare(work: Parameters<typeof ours.prepare>[0]) {
        await ours.prepare(work);
        flood = begin(work.instant);
      },
    };
    async function begin(instant: number): Promise<ApiAnswers> {
      await sleep(instant - Date.now() - 500);
      await eventLoopDelayMs(replica);
      const load = {
        port: replica.port,
        requests: [getRequest('/tasks?limit=20')],
        rate: null,
        connections,
        heedsRetryAfter: !options.rude,
      };
      return client.send({ ...load, forMs: options.seconds * 1_000 });
    }
    const shape = { count: options.steady, repeats: options.seconds, spread: true };
    const { lateness, cost } = await measure(services, flooded, shape, drainMs);
    warnOfOthers(`${connections} connections`, cost.othersShare);
    const answers = (await flood) as ApiAnswers | null;
    return {
      'runs p50 ms': round(lateness.p50Ms),
      'runs p99 ms': round(lateness.p99Ms),
      'runs last ms': round(lateness.lastMs),
      missing: lateness.missing,
      'loop p99 ms': round(await eventLoopDelayMs(replica)),
      ...(answers && connections > 0 ? apiRow(answers) : {}),
      'answers/s': answers ? Math.round(answers.latencies.length / options.seconds) : 0,
      'shed/s': answers ? Math.round((answers.statuses['503'] ?? 0) / options.seconds) : 0,
    };
  }

  const herds: Record<string, Row> = {};
  for (let number = 1; number <= options.rounds; number++) herds[`round ${number}`] = await drainHerd(String(number));
  console.log(
    `\n${options.tasks} tasks due at one instant; one of priority 9 every ${urgentEveryMs} ms; ${options.rate} requests/s`,
  );
  console.table(sideBySide(herds));
  const floods: Record<string, Row> = {};
  if (options.flood > 0) {
    floods['no flood'] = await steadyUnder(0);
    floods[`${options.flood} connections`] = await steadyUnder(options.flood);
    console.log(
      `\n${options.steady} occurrences a second for ${options.seconds} s, without and with a flood of requests`,
    );
  }
  const { tasks, rate, settings, steady, seconds } = options;
  report('fairness', services, sideBySide(floods), { tasks, rate, settings, herds, steady, seconds, floods });
});

function herdRow({ ids, times }: Arrivals, instant: number, answers: ApiAnswers, loopMs: number, others: number): Row {
  const herd = latenessOf({ ids, times }, options.tasks, instant, instant);
  const urgent = ids
    .map((id, place) => ({ instant: instantOfRunId(id), at: times[place] as number }))
    .filter((each) => each.instant > instant && each.instant < instant + herd.lastMs)
    .map((each) => each.at - each.instant)
    .sort((a, b) => a - b);
  return {
    'herd/s': Math.round(herd.arrivalsPerSecond),
    'herd last ms': round(herd.lastMs),
    missing: herd.missing,
    double: herd.double,
    'urgent runs': urgent.length,
    'urgent p50 ms': round(quantile(urgent, 0.5)),
    'urgent worst ms': round(quantile(urgent, 1)),
    ...apiRow(answers),
    'loop p99 ms': round(loopMs),
    'others %': Math.round(others * 100),
  };
}

function apiRow({ latencies, refusals }: ApiAnswers): Row {
  latencies.sort();
  return {
    'API p50 ms': round(quantile(latencies, 0.5)),
    'API p99 ms': round(quantile(latencies, 0.99)),
    'API worst ms': round(quantile(latencies, 1)),
    'API refused': refusals.length,
  };
}

/** The 99th percentile since the last time it was asked. */
async function eventLoopDelayMs(replica: Replica): Promise<number> {
  return 1_000 * (await readMetric(replica, 'scheduler_event_loop_lag_seconds'));
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, each) => all + each, 0);
}
