/** The named plans: one or more for every row of the fault table. */

import { killPoints, makePlan, type Pace, type Plan, type PlanSketch, type TimedFault } from './plan.ts';
import { randomFrom } from './random.ts';

const at = (time: number, action: TimedFault['action']): TimedFault => ({ at: time, action });
const whole = 28;

/** 02:00 in Berlin on a Sunday in March does not exist, and on one in October comes twice. */
const gap = Date.parse('2027-03-28T00:59:52Z');
const overlapEnd = Date.parse('2027-10-31T00:59:52Z');

/** What is promised while Redis is slow, away or lying, with room for a machine that is busy itself. */
const onTime = { misses: false, lateInFaultMs: 5_000 };

/** By name; what depends on the seed is drawn from it. */
export const sketches: Record<string, (seed: number) => PlanSketch> = {
  healthy: () => ({ limits: { misses: false, failures: false, lateInFaultMs: 10_000 } }),
  'kill-one': () => ({ faults: [at(2, { kind: 'kill', replica: 0, down: 15 })] }),
  'kill-often': (seed) => {
    const random = randomFrom(seed);
    return {
      faults: [0, 1, 2].flatMap((replica) =>
        [0, 9, 18].map((time) => at(time + 3 * random.share() + replica * 2, { kind: 'kill', replica, down: 2 })),
      ),
    };
  },
  ...Object.fromEntries(
    killPoints.map((point) => [
      `kill-${point}`,
      () => ({ faults: [at(1, { kind: 'kill-at', replica: 1, point, times: 3 })] }),
    ]),
  ),
  'kill-all': () => ({ faults: [at(1, { kind: 'kill-all', down: 20 })] }),
  'crash-everything': () => ({ faults: [at(4, { kind: 'crash-everything', down: 8 })] }),
  freeze: () => ({ faults: [at(2, { kind: 'freeze', replica: 0, for: 25 })] }),
  block: () => ({ faults: [at(2, { kind: 'block', replica: 1, for: 20 })] }),
  sigterm: () => ({
    faults: [at(2, { kind: 'terminate', replica: 0, twice: false, running: 50 })],
    limits: { misses: false },
  }),
  'sigterm-twice': () => ({ faults: [at(2, { kind: 'terminate', replica: 0, twice: true, running: 50 })] }),
  'rolling-restart': () => ({
    faults: [at(1, { kind: 'rolling-restart', requestsPerSecond: 200 })],
    limits: { failures: false, misses: false },
  }),
  'redis-killed': () => ({ faults: [at(1, { kind: 'redis', how: 'kill', for: whole })], limits: onTime }),
  'redis-absent': () => ({ faults: [at(20, { kind: 'redis', how: 'kill', for: 1 })], redisAtStart: false }),
  'redis-paused': () => ({ faults: [at(1, { kind: 'redis', how: 'pause', for: whole })], limits: onTime }),
  'redis-flushed': () => ({ faults: [at(1, { kind: 'redis', how: 'flush', for: whole })], limits: onTime }),
  'redis-evicting': () => ({ faults: [at(1, { kind: 'redis', how: 'evict', for: whole })], limits: onTime }),
  'redis-read-only': () => ({ faults: [at(1, { kind: 'redis', how: 'read-only', for: whole })], limits: onTime }),
  'lock-grants-all': () => ({ faults: [at(1, { kind: 'lock', lie: 'all', for: whole })], limits: onTime }),
  // Shorter than the lease: the replica comes back to occurrences that others have claimed meanwhile.
  'lock-grants-all-freezes': () => ({
    faults: [
      at(1, { kind: 'lock', lie: 'all', for: whole }),
      ...[3, 9, 15, 21].map((time, turn) => at(time, { kind: 'freeze', replica: turn % 3, for: 4 })),
    ],
  }),
  'lock-grants-none': () => ({ faults: [at(1, { kind: 'lock', lie: 'none', for: whole })], limits: onTime }),
  'lock-slow': () => ({ faults: [at(1, { kind: 'lock', lie: 'slow', for: whole })], limits: onTime }),
  'kill-all-commit-never': () => ({
    faults: [
      at(1, { kind: 'kill-all', down: 10 }),
      at(11, { kind: 'commit', how: 'never', for: whole - 11, share: 0.4 }),
    ],
  }),
  'postgres-crash': () => ({ faults: [at(4, { kind: 'postgres', how: 'crash', for: 10 })] }),
  'postgres-frozen': () => ({ faults: [at(2, { kind: 'postgres', how: 'freeze', for: 20 })] }),
  'postgres-terminating': () => ({ faults: [at(1, { kind: 'postgres', how: 'terminate', for: whole })] }),
  'postgres-exhausted': () => ({ faults: [at(1, { kind: 'postgres', how: 'exhaust', for: 20 })] }),
  'postgres-locked': () => ({ faults: [at(2, { kind: 'postgres', how: 'lock', for: 15 })] }),
  'postgres-slow-commit': () => ({
    faults: [at(1, { kind: 'postgres', how: 'slow-commit', for: whole })],
    churnPerSecond: 20,
  }),
  'stop-storm': () => ({
    faults: [
      at(0, { kind: 'postgres', how: 'slow-commit', for: whole }),
      at(0.5, { kind: 'stop-storm', tasks: 40, for: 26 }),
    ],
  }),
  // What a URL or a role says must not touch a promise.
  'stop-storm-humble': () => ({
    faults: [
      at(0, { kind: 'postgres', how: 'slow-commit', for: whole }),
      at(0.5, { kind: 'stop-storm', tasks: 40, for: 26 }),
    ],
    humble: true,
  }),
  'commit-answer-cut': () => ({ faults: [at(1, { kind: 'commit', how: 'answer-cut', for: whole, share: 0.15 })] }),
  'commit-never': () => ({ faults: [at(1, { kind: 'commit', how: 'never', for: whole, share: 0.15 })] }),
  'cut-from-postgres': () => ({
    faults: [at(1, { kind: 'network', replica: 0, to: ['postgres'], how: 'cut', for: 25 })],
  }),
  'cut-from-redis': () => ({ faults: [at(1, { kind: 'network', replica: 0, to: ['redis'], how: 'cut', for: 25 })] }),
  'cut-from-both': () => ({
    faults: [at(1, { kind: 'network', replica: 1, to: ['postgres', 'redis'], how: 'hole', for: 25 })],
  }),
  'half-open': () => ({
    faults: [at(1, { kind: 'network', replica: 2, to: ['postgres'], how: 'half-open', for: 25 })],
  }),
  flapping: () => ({
    faults: [at(1, { kind: 'network', replica: 0, to: ['postgres', 'redis'], how: 'flap', for: 25 })],
  }),
  slow: () => ({ faults: [at(1, { kind: 'network', replica: 1, to: ['postgres', 'redis'], how: 'delay', for: 25 })] }),
  'clock-wrong': () => ({
    faults: [
      at(1, { kind: 'clock', replica: 0, hours: 24, for: 26 }),
      at(3, { kind: 'clock', replica: 1, hours: -24, for: 22 }),
    ],
    limits: { misses: false },
  }),
  'dst-gap': () => ({ databaseSays: gap, limits: { misses: false } }),
  'dst-overlap': () => ({ databaseSays: overlapEnd, limits: { misses: false } }),
  'hostile-targets': () => ({ faults: [at(1, { kind: 'hostile-targets', for: 26 })], limits: { growthMiB: 250 } }),
  'burst-1000': () => ({ faults: [at(1, { kind: 'burst', tasks: 1_000 })] }),
  'burst-5000': () => ({ faults: [at(1, { kind: 'burst', tasks: 5_000 })] }),
  // Its tasks are due by the minute: what falls into the restart is as late as that takes.
  outage: () => ({
    faults: [at(1, { kind: 'outage', days: 3, tasks: 2_000 })],
    churnPerSecond: 0,
    limits: { lateMs: 60_000 },
  }),
  churn: () => ({ churnPerSecond: 20, limits: { misses: false, failures: false } }),
  // Occurrences wait for a slot while their tasks are changed.
  'churn-saturated': () => ({ churnPerSecond: 20, slots: 8, limits: { lateMs: 60_000 } }),
  'churn-without-redis': () => ({
    churnPerSecond: 20,
    faults: [at(0, { kind: 'redis', how: 'kill', for: whole })],
  }),
  'churn-and-kill': () => ({
    churnPerSecond: 20,
    faults: [at(4, { kind: 'kill', replica: 0, down: 8 }), at(15, { kind: 'kill', replica: 2, down: 8 })],
  }),
  'churn-and-crash': () => ({ churnPerSecond: 20, faults: [at(6, { kind: 'postgres', how: 'crash', for: 6 })] }),
};

/** What runs with every change: different kinds of faults, in a few minutes. */
export const shortPlans = [
  'kill-one',
  'freeze',
  'postgres-crash',
  'commit-answer-cut',
  'lock-grants-all',
  'churn-and-kill',
] as const;

/** The plan of this name, or null. */
export function namedPlan(name: string, seed: number, pace: Pace): Plan | null {
  const sketch = sketches[name]?.(seed);
  return sketch ? makePlan(name, sketch, seed, pace) : null;
}

/** Two to four faults at once, drawn from the seed. */
export function randomPlan(seed: number, pace: Pace): Plan {
  const random = randomFrom(seed);
  // Only one of a kind that takes hold of the whole server, and nothing that needs the world to itself.
  const alone = /^(healthy|outage|burst|dst|rolling|redis-absent|hostile|churn|clock|sigterm)/;
  const names = Object.keys(sketches).filter((name) => !alone.test(name));
  const chosen = new Map<string, TimedFault[]>();
  const count = random.integer(2, 4);
  while (chosen.size < count) {
    const name = random.pick(names);
    const kind = name.split('-')[0] as string;
    if (!chosen.has(kind)) chosen.set(kind, sketches[name]?.(seed).faults ?? []);
  }
  const faults = [...chosen.values()]
    .flat()
    .map(({ at: time, action }) => at(Math.min(20, time + 8 * random.share()), action));
  return makePlan(`random-${seed}`, { faults, churnPerSecond: random.pick([2, 8, 20]) }, seed, pace);
}
