/** How long a replica takes to load many stored tasks, and how much memory it has then. */

import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { round } from './apparatus/lateness.ts';
import { cpuSeconds, residentMiB } from './apparatus/processes.ts';
import { startReplica } from './apparatus/replica.ts';
import { report } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';
import { plantBackground } from './contenders/ours.ts';

const options = readArguments({ tasks: 100_000, rounds: 3 });

await runBench(async (later) => {
  const services = await startServices(later);
  const databaseUrl = await services.createDatabase('boot');
  const start = () =>
    startReplica(later, { databaseUrl, redisUrl: services.redis.url, env: options.settings, waitUntilReady: false });
  const first = await start();
  await first.saw('the timetable is loaded');
  await plantBackground(first, databaseUrl, options.tasks, services.target.url);
  await first.stop();

  const rounds: { fromStartMs: number; loadMs: number; rssMiB: number; peakRssMiB: number; cpuSeconds: number }[] = [];
  for (let place = 0; place < options.rounds; place++) {
    const replica = await start();
    const heldAt = await replica.saw('the lease is held');
    const loadedAt = await replica.saw('the timetable is loaded');
    const { now, peak } = residentMiB(replica.pid);
    rounds.push({
      fromStartMs: Math.round(loadedAt - replica.startedAt),
      loadMs: Math.round(loadedAt - heldAt),
      rssMiB: now,
      peakRssMiB: peak,
      cpuSeconds: round(cpuSeconds([replica.pid]), 2),
    });
    await replica.stop();
  }
  const sorted = [...rounds].sort((a, b) => a.fromStartMs - b.fromStartMs);
  const median = sorted[Math.floor(sorted.length / 2)] as (typeof rounds)[number];
  console.log(`\n${options.tasks} stored tasks on 500 patterns in 4 zones; median of ${options.rounds} starts`);
  report('boot', services, { punctual: median }, { tasks: options.tasks, ...median, rounds });
});
