/**
 * A steady rate: as many tasks as the rate, each due every second at its own place in it, next to the bare pipeline.
 */

import { rm } from 'node:fs/promises';
import { readArguments } from './apparatus/arguments.ts';
import { targetCapacity, wantedHeadroom } from './apparatus/capacity.ts';
import { runBench } from './apparatus/cleanup.ts';
import { figuresOf, ratioOf, rowOf } from './apparatus/figures.ts';
import { measure, type Round } from './apparatus/measure.ts';
import { createProfileFolder, printProfile } from './apparatus/profile.ts';
import { report, sideBySide, warnOfOthers } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';
import { startBare } from './contenders/bare.ts';
import type { Contender } from './contenders/contender.ts';
import { startOurs } from './contenders/ours.ts';

const options = readArguments({ rate: 5_000, seconds: 60, replicas: 1, background: 0, alone: false, profile: false });

/** About so many rows of the table over time. */
const stretches = 12;

await runBench(async (later) => {
  const services = await startServices(later);
  const capacity = await targetCapacity(later, services.target);
  const profiles = options.profile ? await createProfileFolder() : null;
  if (profiles) later(() => rm(profiles.folder, { recursive: true, force: true }));
  const ours = await startOurs(later, services, {
    replicas: options.replicas,
    settings: options.settings,
    nodeArguments: profiles?.nodeArguments ?? [],
    background: options.background,
    recurring: false,
    more: () => ({}),
  });
  const contenders: Contender[] = options.alone ? [ours] : [await startBare(later, services), ours];
  const shape = { count: options.rate, repeats: options.seconds, spread: true };
  const rounds = new Map<Contender, Round>();
  for (const contender of contenders) contender.rest?.(true);
  for (const contender of contenders) {
    contender.rest?.(false);
    const round = await measure(services, contender, shape, 60_000);
    contender.rest?.(true);
    warnOfOthers(contender.name, round.cost.othersShare);
    rounds.set(contender, round);
  }

  const mine = rounds.get(ours) as Round;
  const headroom = capacity / options.rate;
  console.log(`\n${options.rate} occurrences a second for ${options.seconds} s; ${options.replicas} replica(s)`);
  console.log(`the target takes ${capacity} calls/s: ${headroom.toFixed(1)} times the rate`);
  if (headroom < wantedHeadroom) console.error(`that is less than ${wantedHeadroom} times: the target may be a limit`);
  console.log(`\n${ours.name}, lateness over time:`);
  console.table(overTime(mine));
  const all = contenders.map((contender) => [contender.name, [rounds.get(contender) as Round]] as const);
  report('steady', services, sideBySide(Object.fromEntries(all.map(([name, each]) => [name, rowOf(each)]))), {
    rate: options.rate,
    seconds: options.seconds,
    replicas: options.replicas,
    background: options.background,
    settings: options.settings,
    targetPerSecond: capacity,
    contenders: Object.fromEntries(all.map(([name, each]) => [name, figuresOf(each)])),
    ratios: Object.fromEntries(
      all.filter(([name]) => name !== ours.name).map(([name, each]) => [name, ratioOf([mine], each)]),
    ),
  });
  if (profiles) {
    await Promise.all(ours.replicas.map((replica) => replica.stop()));
    await printProfile(profiles.folder, mine.window, 25);
  }
});

/** The worst second of each stretch of time. */
function overTime({ lateness: { perSecond } }: Round): Record<string, Record<string, number>> {
  const length = Math.ceil(perSecond.length / stretches);
  const rows: Record<string, Record<string, number>> = {};
  for (let from = 0; from < perSecond.length; from += length) {
    const part = perSecond.slice(from, from + length);
    const worst = (of: (second: (typeof part)[number]) => number) => Math.max(...part.map(of));
    rows[`${from}-${from + part.length} s`] = {
      'p50 ms': worst(({ p50Ms }) => p50Ms),
      'p99 ms': worst(({ p99Ms }) => p99Ms),
      'last ms': worst(({ lastMs }) => lastMs),
    };
  }
  return rows;
}
