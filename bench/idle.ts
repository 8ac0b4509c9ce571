/** What a replica costs that has many tasks and nothing to do. */

import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { startCost } from './apparatus/cost.ts';
import { commandCount } from './apparatus/figures.ts';
import { round } from './apparatus/lateness.ts';
import { residentMiB } from './apparatus/processes.ts';
import { startReplica, untilLoaded } from './apparatus/replica.ts';
import { report, warnOfOthers } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';
import { plantBackground } from './contenders/ours.ts';

const options = readArguments({ tasks: 10_000, seconds: 60 });

await runBench(async (later) => {
  const services = await startServices(later);
  const databaseUrl = await services.createDatabase('idle');
  const replica = await startReplica(later, { databaseUrl, redisUrl: services.redis.url, env: options.settings });
  await plantBackground(replica, databaseUrl, options.tasks, services.target.url);
  await untilLoaded(replica, 1, options.tasks);
  // What the planting left behind (a big read, garbage) is no part of idling.
  await sleep(5_000);
  const endCost = await startCost(services, { pids: [replica.pid], databaseUrl });
  await sleep(options.seconds * 1_000);
  const cost = await endCost();
  warnOfOthers('idling', cost.othersShare);
  const { cpu, statements } = cost;
  const percent = (seconds: number) => round((seconds * 100) / options.seconds, 2);
  const figures = {
    cpuPercentReplica: percent(cpu.contender),
    cpuPercentPostgres: percent(cpu.postgres),
    cpuPercentRedis: percent(cpu.redis),
    cpuSecondsPerHour: Math.round(((cpu.contender + cpu.postgres + cpu.redis) * 3_600) / options.seconds),
    statementsPerSecond: round(cost.statementCount / options.seconds, 2),
    commandsPerSecond: round(commandCount(cost) / options.seconds, 2),
    rssMiB: residentMiB(replica.pid).now,
  };
  console.log(`\na replica with ${options.tasks} tasks, none due, over ${options.seconds} s (percent of one core)`);
  for (const { text, calls } of (statements ?? []).slice(0, 15))
    console.log(
      `${round(calls / options.seconds, 2)
        .toFixed(2)
        .padStart(7)}/s  ${text.trim().slice(0, 110)}`,
    );
  report(
    'idle',
    services,
    { punctual: figures },
    {
      tasks: options.tasks,
      seconds: options.seconds,
      ...figures,
      commands: cost.commands,
      othersShare: round(cost.othersShare, 3),
    },
  );
});
