/** Live events: what open streams cost while a burst is fired, compared in turns with the same burst without any. */

import { readArguments } from './apparatus/arguments.ts';
import { runBench } from './apparatus/cleanup.ts';
import { figuresOf, rowOf } from './apparatus/figures.ts';
import { measure, medianRound, type Round } from './apparatus/measure.ts';
import { report, sideBySide, warnOfOthers } from './apparatus/report.ts';
import { startServices } from './apparatus/services.ts';
import { startStreamClient } from './apparatus/streams.ts';
import { startOurs } from './contenders/ours.ts';

const options = readArguments({
  tasks: 10_000,
  streams: 500,
  replicas: 1,
  /** Pairs of bursts, without and with streams; one more comes before and does not count. */
  rounds: 5,
  path: '/stream',
});

await runBench(async (later) => {
  const services = await startServices(later);
  const ours = await startOurs(later, services, {
    ...{ replicas: options.replicas, settings: options.settings, nodeArguments: [], background: 0, recurring: false },
    more: () => ({}),
  });
  const streams = startStreamClient(later);
  const shape = { count: options.tasks, repeats: 1, spread: false };
  const rounds: Record<'none' | 'open', Round[]> = { none: [], open: [] };
  let events = 0;

  async function measureOne(kind: 'none' | 'open', round: number): Promise<void> {
    const ports = ours.replicas.map(({ port }) => port);
    if (kind === 'open') await streams.open({ ports, count: options.streams, path: options.path });
    const measured = await measure(services, ours, shape, 30_000 + options.tasks);
    if (kind === 'open') events += await streams.close();
    warnOfOthers(`${kind}, round ${round}`, measured.cost.othersShare);
    if (round > 0) rounds[kind].push(measured);
  }

  for (let round = 0; round <= options.rounds; round++)
    for (const kind of round % 2 === 0 ? (['none', 'open'] as const) : (['open', 'none'] as const))
      await measureOne(kind, round);

  const change = (of: (round: Round) => number) => of(medianRound(rounds.open)) / of(medianRound(rounds.none)) - 1;
  const percent = (share: number) => Math.round(share * 1_000) / 10;
  const cost = {
    'p99 %': percent(change(({ lateness }) => lateness.p99Ms)),
    'last %': percent(change(({ lateness }) => lateness.lastMs)),
    'CPU per run %': percent(change(({ cpuPerRunUs }) => cpuPerRunUs)),
    'events per stream and burst': Math.round(events / options.streams / (options.rounds + 1)),
  };
  const each = Object.entries(rounds).map(([kind, all]) => [
    kind,
    all.map(({ lateness }) => Math.round(lateness.p99Ms)),
  ]);
  console.log(
    `\n${options.tasks} tasks due at one instant, ${options.streams} streams; ${options.replicas} replica(s)`,
  );
  console.log('p99 of each round, in ms:', Object.fromEntries(each));
  console.table(cost);
  report(
    'streams',
    services,
    sideBySide({ 'no streams': rowOf(rounds.none), [`${options.streams} streams`]: rowOf(rounds.open) }),
    {
      ...{ tasks: options.tasks, streams: options.streams, replicas: options.replicas, settings: options.settings },
      ...{ cost, none: figuresOf(rounds.none), open: figuresOf(rounds.open) },
    },
  );
});
