/** The thundering herd: many tasks due at one instant, next to the bare pipeline and, if asked, to other schedulers. */

import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readArguments } from './apparatus/arguments.ts';
import { targetCapacity, wantedHeadroom } from './apparatus/capacity.ts';
import { runBench } from './apparatus/cleanup.ts';
import { figuresOf, perRun, ratioOf, rowOf } from './apparatus/figures.ts';
import { measure, medianRound, type Round } from './apparatus/measure.ts';
import { createProfileFolder, printProfile } from './apparatus/profile.ts';
import { report, sideBySide, warnOfOthers } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';
import { startBare } from './contenders/bare.ts';
import type { Contender } from './contenders/contender.ts';
import { startOurs } from './contenders/ours.ts';
import { startPeers } from './contenders/peers.ts';

const options = readArguments({
  tasks: 10_000,
  replicas: 1,
  rounds: 3,
  quiet: 0,
  background: 0,
  answerAfter: 0,
  recurring: false,
  alone: false,
  peers: false,
  policies: false,
  statements: false,
  profile: false,
});

await runBench(async (later) => {
  const services = await startServices(later);
  const capacity = await targetCapacity(later, services.target);
  if (options.answerAfter > 0) services.target.url = new URL(`/w${options.answerAfter}`, services.target.url).href;
  const profiles = options.profile ? await createProfileFolder() : null;
  if (profiles) later(() => rm(profiles.folder, { recursive: true, force: true }));
  let more: Record<string, unknown> = {};
  const ours = await startOurs(later, services, {
    replicas: options.replicas,
    settings: options.settings,
    nodeArguments: profiles?.nodeArguments ?? [],
    background: options.background,
    recurring: options.recurring,
    more: () => more,
  });
  const contenders: Contender[] = options.alone ? [] : [await startBare(later, services)];
  if (options.peers) contenders.push(...(await startPeers(later, services)));
  contenders.push(ours);

  const shape = { count: options.tasks, repeats: 1, spread: false };
  const withinMs = 30_000 + options.tasks;
  const rounds = new Map<Contender, Round[]>(contenders.map((contender) => [contender, []]));
  for (const contender of contenders) contender.rest?.(true);
  for (let round = 1; round <= options.rounds; round++) {
    // In turns, so that what the machine does besides falls on all of them.
    for (const contender of contenders) {
      contender.rest?.(false);
      await sleep(options.quiet * 1_000);
      const measured = await measure(services, contender, shape, withinMs);
      contender.rest?.(true);
      warnOfOthers(`${contender.name}, round ${round}`, measured.cost.othersShare);
      rounds.get(contender)?.push(measured);
    }
  }
  const roundsOf = (contender: Contender) => rounds.get(contender) ?? [];
  const mine = roundsOf(ours);
  const others = contenders.filter((contender) => contender !== ours);
  const headroom =
    capacity / Math.max(...[...rounds.values()].map((each) => medianRound(each).lateness.arrivalsPerSecond));
  console.log(
    `\n${options.tasks} tasks due at one instant; ${options.replicas} replica(s); median of ${options.rounds} rounds`,
  );
  console.log(`the target takes ${capacity} calls/s: ${headroom.toFixed(1)} times the fastest`);
  if (headroom < wantedHeadroom) console.error(`that is less than ${wantedHeadroom} times: the target may be a limit`);

  if (options.statements) printStatements('the last round', mine.at(-1) as Round, options.tasks);
  let policies: Record<string, number> | null = null;
  if (options.policies) {
    more = {
      concurrency: { key: 'bench', limit: options.tasks },
      hooks: { onSuccess: services.target.url },
    };
    const asking = await measure(services, ours, shape, withinMs);
    printStatements('without policies', medianRound(mine), options.tasks);
    printStatements('with a hook and a concurrency limit each', asking, options.tasks);
    policies = {
      statementsPerRunWithout: perRun(medianRound(mine).cost.statementCount, options.tasks),
      statementsPerRunWith: perRun(asking.cost.statementCount, options.tasks),
    };
    console.table(sideBySide({ without: rowOf(mine), with: rowOf([asking]) }));
  }
  report(
    'herd',
    services,
    sideBySide(Object.fromEntries(contenders.map((contender) => [contender.name, rowOf(roundsOf(contender))]))),
    {
      tasks: options.tasks,
      replicas: options.replicas,
      quietSeconds: options.quiet,
      background: options.background,
      answerAfterMs: options.answerAfter,
      recurring: options.recurring,
      settings: options.settings,
      targetPerSecond: capacity,
      ...(policies ? { policies } : {}),
      contenders: Object.fromEntries(contenders.map((contender) => [contender.name, figuresOf(roundsOf(contender))])),
      ratios: Object.fromEntries(others.map((contender) => [contender.name, ratioOf(mine, roundsOf(contender))])),
    },
  );
  if (profiles) {
    await Promise.all(ours.replicas.map((replica) => replica.stop()));
    await printProfile(profiles.folder, (mine.at(-1) as Round).window, 25);
  }
});

function printStatements(what: string, { cost }: Round, runs: number): void {
  console.log(`\n${what}: ${perRun(cost.statementCount, runs)} statements a run; the most frequent:`);
  for (const { text, calls, ms } of (cost.statements ?? []).slice(0, 12))
    console.log(`${String(calls).padStart(8)} ${ms.toFixed(1).padStart(8)} ms  ${text.trim().slice(0, 110)}`);
}
