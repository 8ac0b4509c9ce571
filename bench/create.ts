/** How fast tasks are created: one a request over many connections, and in batches. */

import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { type Cost, startCost } from './apparatus/cost.ts';
import { perRun } from './apparatus/figures.ts';
import { quantile, round } from './apparatus/lateness.ts';
import { type LoadResult, postRequest, startLoadClient } from './apparatus/load.ts';
import { residentMiB } from './apparatus/processes.ts';
import { startReplica } from './apparatus/replica.ts';
import { report, warnOfOthers } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';

const options = readArguments({
  tasks: 40_000,
  connections: 32,
  batches: 250,
  batch: 200,
  'batch-connections': 4,
});

await runBench(async (later) => {
  const services = await startServices(later);
  const databaseUrl = await services.createDatabase('ours');
  const replica = await startReplica(later, { databaseUrl, redisUrl: services.redis.url, env: options.settings });
  const client = startLoadClient(later);
  const task = (id: string) => ({
    id,
    schedule: { cron: '0 3 * * *', timezone: 'Europe/Berlin' },
    target: services.target.url,
    labels: { team: 'bench' },
  });
  const single = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, n) => postRequest('/tasks', task(`${prefix}-${n}`)));

  /** The requests, and what they cost. */
  async function send(what: string, requests: Uint8Array[], connections: number, tasks: number) {
    const endCost = await startCost(services, { pids: [replica.pid], databaseUrl });
    const result = await client.run({ port: replica.port, connections, requests, repeat: 1 });
    const cost = await endCost();
    warnOfOthers(what, cost.othersShare);
    if (result.firstFailure) console.error(`not all of ${what} was accepted:\n${result.firstFailure.slice(0, 2_000)}`);
    return figuresOf(result, cost, connections, tasks);
  }

  await client.run({
    port: replica.port,
    connections: options.connections,
    requests: single('warm', 2_000),
    repeat: 1,
  });
  const one = await send('POST /tasks', single('one', options.tasks), options.connections, options.tasks);
  const batches = Array.from({ length: options.batches }, (_, batch) =>
    postRequest('/tasks/batch', { items: Array.from({ length: options.batch }, (_, n) => task(`many-${batch}-${n}`)) }),
  );
  const many = await send('POST /tasks/batch', batches, options['batch-connections'], options.batches * options.batch);
  const memory = residentMiB(replica.pid);
  console.log(`\n${options.tasks} tasks one by one, then ${options.batches} batches of ${options.batch}; one replica`);
  report(
    'create',
    services,
    { 'POST /tasks': one, [`POST /tasks/batch of ${options.batch}`]: many },
    { single: one, batch: { size: options.batch, ...many }, rssMiB: memory.now },
  );
});

function figuresOf({ ms, latencies, statuses }: LoadResult, cost: Cost, connections: number, tasks: number) {
  const sorted = latencies.sort();
  return {
    connections,
    tasks,
    tasksPerSecond: Math.round((tasks * 1_000) / ms),
    requestsPerSecond: Math.round((latencies.length * 1_000) / ms),
    p50Ms: round(quantile(sorted, 0.5)),
    p99Ms: round(quantile(sorted, 0.99)),
    notAccepted: Object.entries(statuses).reduce((sum, [status, n]) => sum + (status.startsWith('2') ? 0 : n), 0),
    cpuPerTaskUs: Math.round(((cost.cpu.contender + cost.cpu.postgres + cost.cpu.redis) * 1e6) / tasks),
    statementsPerTask: perRun(cost.statementCount, tasks),
    othersShare: round(cost.othersShare, 3),
  };
}
