/** Clients at work while things break: tasks created, changed, stopped, started, deleted, and triggered by hand. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { ChaosSchedule, ChaosTask } from './history.ts';
import type { Random } from './random.ts';

export type Churn = { stop(): Promise<void> };

type Kept = { task: ChaosTask; stopped: boolean; busy: boolean };

/**
 * Changes definitions `perSecond` times a second and triggers tasks `triggersPerSecond` times. A task about which a
 * request was left unanswered is let be: nobody knows what it is any more. `tasks` gains what is created; `now` is the
 * database's.
 */
export function startChurn(
  client: Client,
  tasks: ChaosTask[],
  rates: { perSecond: number; triggersPerSecond: number },
  random: Random,
  now: () => number,
): Churn {
  const own: Kept[] = [];
  const manual = tasks.filter(({ schedule }) => 'manual' in schedule);
  const under = new Set<Promise<unknown>>();
  let made = 0;

  const newSchedule = (): ChaosSchedule => {
    const everyMs = random.pick([500, 1_000, 1_500, 2_000]);
    return random.share() < 0.25
      ? { atMs: Math.ceil(now()) + random.integer(1_500, 6_000) }
      : random.share() < 0.3
        ? { cron: random.pick(['* * * * * *', '*/2 * * * * *']), timezone: 'UTC' }
        : { everyMs, anchorMs: Math.floor(now() / 1_000) * 1_000 - random.integer(0, 5) * 100 };
  };

  async function create(again: ChaosTask | null): Promise<void> {
    const place = ++made;
    const base: ChaosTask = {
      id: again?.id ?? `churn-${place}`,
      incarnation: `churn-${place}`,
      schedule: newSchedule(),
      overlap: random.pick(['allow', 'skip', 'queue']),
      misfire: {
        policy: random.pick(['skip', 'fire_once', 'fire_all']),
        graceMs: random.pick([2_000, 60_000]),
        limit: 5,
      },
      maxAttempts: random.pick([1, 2, 3]),
      maxRuns: null,
      takesMs: random.integer(0, 300),
      failures: 0,
    };
    tasks.push(base);
    const { ok } = await client.create(base);
    if (ok === true) own.push({ task: base, stopped: false, busy: false });
  }

  /** Waits until a moment before or after the next instant: a change is to come when its task is being claimed. */
  async function untilDue(schedule: ChaosSchedule): Promise<void> {
    const at = now();
    const everyMs = 'everyMs' in schedule ? schedule.everyMs : 1_000;
    const anchorMs = 'everyMs' in schedule ? schedule.anchorMs : 0;
    const instant = 'atMs' in schedule ? schedule.atMs : anchorMs + Math.ceil((at - anchorMs) / everyMs) * everyMs;
    await sleep(Math.min(2_000, Math.max(0, instant + random.integer(-8, 12) - at)));
  }

  async function step(): Promise<void> {
    const free = own.filter(({ busy }) => !busy);
    const kept = free.length > 8 || (free.length > 0 && random.share() < 0.5) ? random.pick(free) : null;
    if (kept === null) return create(null);
    kept.busy = true;
    const { task } = kept;
    if (random.share() < 0.5) await untilDue(task.schedule);
    const once = 'atMs' in task.schedule;
    const choice = random.share();
    const forget = () => own.splice(own.indexOf(kept), 1);
    if (kept.stopped && choice < 0.7) {
      const { ok } = await client.start(task, random.pick(['skip', 'fire_once', 'fire_all']));
      if (ok === true) kept.stopped = false;
      else if (ok === null) forget();
    } else if (choice < 0.3) {
      const { ok } = await client.remove(task);
      forget();
      // The same id again is another task.
      if (ok === true && random.share() < 0.5) await create(task);
    } else if (choice < 0.6 && !kept.stopped && !once) {
      const { ok } = await client.stop(task, 'pending');
      if (ok === true) kept.stopped = true;
      else if (ok === null) forget();
    } else if (!once && !kept.stopped) {
      const changed = { ...task, schedule: newSchedule() };
      const { ok } = await client.change(changed);
      if (ok === true) kept.task = changed;
      else if (ok === null) forget();
    } else await client.read(task);
    kept.busy = false;
  }

  const launch = (work: () => Promise<unknown>) => {
    const promise: Promise<unknown> = work().finally(() => under.delete(promise));
    under.add(promise);
  };
  // A bound on what waits: a server that does not answer must not be flooded.
  const timers = [
    rates.perSecond > 0 && setInterval(() => under.size < 60 && launch(step), 1_000 / rates.perSecond),
    rates.triggersPerSecond > 0 &&
      setInterval(
        () => under.size < 60 && launch(() => client.trigger(random.pick(manual), random.share() < 0.3 ? 3 : 0)),
        1_000 / rates.triggersPerSecond,
      ),
  ];
  return {
    async stop() {
      for (const timer of timers) if (timer) clearInterval(timer);
      await Promise.all([...under]);
    },
  };
}
