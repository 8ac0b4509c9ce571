/** Stops tasks in the very moment at which they are due, again and again. */

import type { ChaosTask } from '../history.ts';
import { type Fault, sleep } from './fault.ts';

/** A stop is sent so long before the instant at most: its commit may take that long. */
const earliestMs = 150;

export const stopStorm: Fault<'stop-storm'> = async (context, { tasks: count, for: length }) => {
  const { client, tasks, random, databaseNow, plan } = context;
  const everyMs = 2_000;
  const anchorMs = Math.floor(databaseNow() / 1_000) * 1_000;
  const made = Array.from(
    { length: count },
    (_, n): ChaosTask => ({
      ...{
        id: `storm-${n}`,
        incarnation: `storm-${n}`,
        schedule: { everyMs, anchorMs },
      },
      ...{ overlap: 'allow', misfire: { policy: 'skip', graceMs: 60_000, limit: 1 } },
      ...{ maxAttempts: 1, maxRuns: null, takesMs: 0, failures: 0 },
    }),
  );
  tasks.push(...made);
  await Promise.all(made.map((task) => client.create(task)));
  const until = performance.now() + length * 1_000 * plan.pace.factor;
  while (performance.now() < until) {
    const instant = anchorMs + Math.ceil((databaseNow() + earliestMs + 100 - anchorMs) / everyMs) * everyMs;
    await Promise.all(
      made.map(async (task) => {
        await sleep(Math.max(0, instant - earliestMs * random.share() - databaseNow()));
        const { ok } = await client.stop(task, 'pending');
        await sleep(Math.max(0, instant + 500 - databaseNow()));
        if (ok === true) await client.start(task);
      }),
    );
  }
};
