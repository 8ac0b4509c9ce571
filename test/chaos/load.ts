/** The base load of a plan: which tasks there are, drawn from its seed. */

import type { ChaosSchedule, ChaosTask } from './history.ts';
import type { Plan } from './plan.ts';
import { type Random, randomFrom } from './random.ts';

const crons: readonly (readonly [string, string])[] = [
  ['*/2 * * * * *', 'Europe/Berlin'],
  ['*/3 * * * * *', 'America/New_York'],
  ['1-59/4 * * * * *', 'Asia/Kathmandu'],
  ['*/5 * * * * MON-SUN', 'Australia/Lord_Howe'],
  ['0,7,14,21,28,35,42,49,56 * * * * *', 'UTC'],
  ['* * * * * * *', 'Pacific/Auckland'],
  ['10-59/10 * * * * *', 'America/St_Johns'],
  ['*/15 * * * * *', 'Africa/Casablanca'],
  ['* * * * *', 'America/Sao_Paulo'],
  ['30 * * * * *', 'Europe/Dublin'],
];

/** Due about 02:00 and 03:00: in the hour that does not exist in spring and comes twice in autumn. */
const aroundClockChanges = [
  '0 30 2 * * *',
  '0,20,40 15,45 2 * * *',
  '0 0 2 * * *',
  '0 0 3 * * *',
  '0 * 2 * * *',
  '*/10 * 2-3 * * *',
  '0 0 */1 * * *',
];

/** Overlap, misfire policy, retries and the target's behaviour for the `place`-th task of a kind. */
function traits(place: number, random: Random): Omit<ChaosTask, 'id' | 'incarnation' | 'schedule'> {
  const overlap = (['allow', 'allow', 'skip', 'queue'] as const)[place % 4] as ChaosTask['overlap'];
  const policy = (['fire_once', 'skip', 'fire_all'] as const)[place % 3] as ChaosTask['misfire']['policy'];
  const graceMs = place % 5 === 0 ? 2_000 : 60_000;
  const retries = place % 6 === 1;
  return {
    overlap,
    misfire: { policy, graceMs, limit: 5 },
    maxAttempts: retries ? 3 : place % 7 === 2 ? 2 : 1,
    maxRuns: null,
    takesMs: place % 10 === 3 ? random.integer(300, 1_400) : random.integer(0, 60),
    failures: retries && place % 12 === 1 ? 1 : 0,
  };
}

/**
 * All tasks that exist from the start; `now` (epoch milliseconds by the database's clock) is what anchors count from.
 */
export function baseLoad(plan: Plan, now: number): ChaosTask[] {
  const random = randomFrom(plan.seed);
  const tasks: ChaosTask[] = [];
  const add = (id: string, schedule: ChaosSchedule, more: Partial<ChaosTask> = {}) =>
    tasks.push({ id, incarnation: `${id}-1`, schedule, ...traits(tasks.length, random), ...more });
  const anchored = (everyMs: number) => ({
    everyMs,
    anchorMs: Math.floor(now / everyMs) * everyMs - random.integer(0, everyMs - 1),
  });
  for (let n = 0; n < plan.load.everySecond; n++) {
    // Most share the full second, as tasks in the world do.
    const schedule =
      n % 3 === 0 ? anchored(1_000) : { everyMs: 1_000, anchorMs: Math.floor(now / 1_000) * 1_000 - 60_000 };
    add(`second-${n}`, schedule, n % 20 === 7 ? { maxRuns: 12 } : {});
  }
  for (let n = 0; n < plan.load.everyFive; n++)
    add(`five-${n}`, anchored(5_000), n % 5 === 0 ? { takesMs: 7_000, overlap: n % 2 === 0 ? 'skip' : 'queue' } : {});
  for (let n = 0; n < plan.load.cron; n++) {
    const [cron, timezone] = crons[n % crons.length] as readonly [string, string];
    add(`cron-${n}`, { cron, timezone });
  }
  for (let n = 0; n < plan.load.burst; n++)
    add(`burst-${n}`, { everyMs: 4_000, anchorMs: Math.floor(now / 4_000) * 4_000 }, { takesMs: 0, failures: 0 });
  if (plan.databaseSays !== null)
    aroundClockChanges.forEach((cron, n) => {
      add(`clock-change-${n}`, { cron, timezone: 'Europe/Berlin' });
    });
  for (let n = 0; n < 4; n++)
    add(`hand-${n}`, { manual: true }, { overlap: n % 2 === 0 ? 'allow' : 'queue', takesMs: 50, failures: 0 });
  return tasks;
}

/** The path at the recording target: it tells how to behave. */
function targetPath({ id, takesMs, failures }: Pick<ChaosTask, 'id' | 'takesMs' | 'failures'>): string {
  return `/t/${id}?takes=${takesMs}&failures=${failures}`;
}

/** The schedule as the API takes it. */
export function scheduleBody(schedule: ChaosSchedule): object {
  if ('everyMs' in schedule)
    return { every: `${schedule.everyMs}ms`, anchor: new Date(schedule.anchorMs).toISOString() };
  if ('atMs' in schedule) return { at: new Date(schedule.atMs).toISOString() };
  return schedule;
}

/** The body of the request that creates the task. */
export function taskBody(task: ChaosTask, targetUrl: string): object {
  return {
    id: task.id,
    labels: { incarnation: task.incarnation },
    schedule: scheduleBody(task.schedule),
    target: targetUrl + targetPath(task),
    timeout: '10s',
    overlap: task.overlap,
    misfire: { policy: task.misfire.policy, grace: `${task.misfire.graceMs}ms`, limit: task.misfire.limit },
    retry: { maxAttempts: task.maxAttempts, backoff: 'fixed', minBackoff: '500ms', maxBackoff: '1s', jitter: 0 },
    maxRuns: task.maxRuns,
  };
}
