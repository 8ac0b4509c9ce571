/** How many pages of tasks a second the API answers, alone and beside tasks that are created. */

import { type ApiLoad, getRequest, startApiClient } from './apparatus/api-load.ts';
import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { startCost } from './apparatus/cost.ts';
import { quantile, round } from './apparatus/lateness.ts';
import { postRequest } from './apparatus/load.ts';
import { plant } from './apparatus/plant.ts';
import { createTask, startReplica } from './apparatus/replica.ts';
import { report, warnOfOthers } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';

const options = readArguments({ tasks: 5_000, limit: 50, connections: 8, seconds: 5, rounds: 3, rate: 2_000 });

await runBench(async (later) => {
  const services = await startServices(later);
  const databaseUrl = await services.createDatabase('lists');
  const replica = await startReplica(later, { databaseUrl, redisUrl: services.redis.url, env: options.settings });
  const schedule = { cron: '0 3 * * *', timezone: 'Europe/Berlin' };
  const target = services.target.url;
  await createTask(replica, { id: 'list-0', target, labels: { team: 'bench' }, schedule });
  await plant(databaseUrl, {
    table: 'tasks',
    original: 'list-0',
    copies: options.tasks - 1,
    columns: { id: `'list-' || n`, name: `'list-' || n` },
  });
  const [reader, writer] = [startApiClient(later), startApiClient(later)];
  const cursors = Array.from({ length: 64 }, (_, n) =>
    Buffer.from(`list-${Math.floor((n * options.tasks) / 64)}`).toString('base64url'),
  );
  const load: ApiLoad = {
    port: replica.port,
    requests: cursors.map((cursor) => getRequest(`/tasks?limit=${options.limit}&cursor=${cursor}`)),
    forMs: options.seconds * 1_000,
    rate: null,
    connections: options.connections,
    heedsRetryAfter: false,
  };
  const rows: Record<string, Record<string, number>> = {};
  let made = 0;
  for (let round_ = 1; round_ <= options.rounds; round_++)
    for (const beside of [false, true]) {
      const requests = Array.from({ length: options.rate * options.seconds }, () =>
        postRequest('/tasks', { id: `made-${made++}`, target, schedule }),
      );
      const endCost = await startCost(services, { pids: [replica.pid], databaseUrl });
      const [read, written] = await Promise.all([
        reader.send(load),
        beside ? writer.send({ ...load, requests, rate: options.rate }) : null,
      ]);
      const cost = await endCost();
      warnOfOthers(`round ${round_}`, cost.othersShare);
      const sorted = read.latencies.sort();
      rows[`round ${round_} · ${beside ? `beside ${options.rate} creations/s` : 'alone'}`] = {
        pagesPerSecond: Math.round((sorted.length * 1_000) / load.forMs),
        p50Ms: round(quantile(sorted, 0.5)),
        p99Ms: round(quantile(sorted, 0.99)),
        refused: read.refusals.length,
        created: written?.latencies.length ?? 0,
        othersShare: round(cost.othersShare, 3),
      };
    }
  console.log(`\npages of ${options.limit} of ${options.tasks} tasks, ${options.connections} connections`);
  report('lists', services, rows, rows);
});
