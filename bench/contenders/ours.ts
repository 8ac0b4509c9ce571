/** The service itself as a contender: replicas from `dist`, tasks in the database, everything else through the API. */

import { poll } from '../../test/poll.ts';
import type { Later } from '../apparatus/cleanup.ts';
import { benchMark } from '../apparatus/cost.ts';
import { plant } from '../apparatus/plant.ts';
import { createTask, type Replica, startReplica, untilLoaded } from '../apparatus/replica.ts';
import { queryOnce, type Services } from '../apparatus/services.ts';
import type { Contender, Work } from './contender.ts';

export type OursOptions = {
  replicas: number;
  /** Further settings of the replicas. */
  settings: Record<string, string>;
  nodeArguments: string[];
  /** How many other tasks there are, due once a day and not now. */
  background: number;
  /** Whether the tasks of a herd recur, instead of being due once. */
  recurring: boolean;
  /** What the tasks ask for beyond schedule and target; may change between rounds. */
  more: () => Record<string, unknown>;
};

export type Ours = Contender & { replicas: Replica[] };

const day = 86_400_000;

export async function startOurs(later: Later, services: Services, options: OursOptions): Promise<Ours> {
  const { redis, target } = services;
  const databaseUrl = await services.createDatabase('ours');
  const start = () =>
    startReplica(later, {
      databaseUrl,
      redisUrl: redis.url,
      env: options.settings,
      nodeArguments: options.nodeArguments,
    });
  const first = await start();
  const replicas = [first, ...(await Promise.all(Array.from({ length: options.replicas - 1 }, start)))];
  let round = 0;
  /** How many tasks stay in the timetables between rounds. */
  let remaining = 0;
  if (options.background > 0) {
    await plantBackground(first, databaseUrl, options.background, target.url);
    remaining = options.background;
  }

  async function prepare(work: Work): Promise<void> {
    await untilLoaded(first, replicas.length, remaining);
    round++;
    const id = `round-${round}`;
    await createTask(first, { id, target: target.url, ...scheduleOf(work, options.recurring), ...options.more() });
    const phase = `floor(n * 1000 / ${work.count}) * interval '1 millisecond'`;
    const spread: Record<string, string> = work.spread
      ? {
          schedule: `jsonb_set(original.schedule, '{anchor}', to_jsonb(to_char(
            ((original.schedule->>'anchor')::timestamptz + ${phase}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))`,
        }
      : {};
    await plant(databaseUrl, {
      table: 'tasks',
      original: id,
      copies: work.count - 1,
      columns: { id: `'${id}-' || n`, name: `'Task ' || n`, ...spread },
    });
    await untilLoaded(first, replicas.length, remaining + work.count);
    if (work.repeats === 1 && options.recurring) remaining += work.count;
  }

  return {
    name: 'punctual',
    databaseUrl,
    replicas,
    pids: () => replicas.map(({ pid }) => pid),
    // Planting, the poll for changes, and the heartbeat that tells how many tasks are loaded.
    leadMs: (count) => 9_000 + count / 8,
    prepare,
    settled: () =>
      poll(
        async () => {
          const [row] = await queryOnce(
            databaseUrl,
            `${benchMark} select (select count(*) from runs where status in ('pending', 'running', 'retrying')) +
               (select count(*) from deliveries) as open`,
          );
          return (row as { open: string }).open === '0';
        },
        { what: 'all runs to be written down', withinMs: 300_000, everyMs: 50 },
      ).then(() => {}),
  };
}

function scheduleOf({ repeats, spread, instant, count }: Work, recurring: boolean): Record<string, unknown> {
  const at = new Date(instant).toISOString();
  if (repeats === 1 && !spread) return { schedule: recurring ? { every: '1d', anchor: at } : { at } };
  // Every task is due in the same seconds, each at its own place in them.
  const end = instant + repeats * 1_000 - 1;
  if (count > 1_000 * 1_000) throw new Error('more tasks than places in a second');
  return { schedule: { every: '1s', anchor: at }, startsAt: at, endsAt: new Date(end).toISOString() };
}

/** Daily tasks on 500 patterns in four zones, none of them due within the next hour or so. */
export async function plantBackground(
  replica: Replica,
  databaseUrl: string,
  count: number,
  targetUrl: string,
  zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'],
): Promise<void> {
  // Hours of UTC from two hours hence on, for 20 hours; zones shift the local hour, not the instant.
  const from = new Date(Date.now() + 2 * 3_600_000).getUTCHours();
  await createTask(replica, {
    id: 'background',
    target: targetUrl,
    schedule: { at: new Date(Date.now() + 20 * day).toISOString() },
  });
  const offsets = zones.map((zone) => zoneOffsetHours(zone));
  await plant(databaseUrl, {
    table: 'tasks',
    original: 'background',
    copies: count - 1,
    columns: {
      id: `'background-' || n`,
      schedule: `jsonb_build_object('timezone', (array[${zones.map((zone) => `'${zone}'`)}])[1 + n % ${zones.length}],
        'cron', (n % 25) || ' ' || (${from} + (n / 25) % 20 + 48 + (array[${offsets}])[1 + n % ${zones.length}])::integer % 24
          || ' * * *')`,
    },
  });
}

/** Whole hours that a zone is ahead of UTC now, rounded. */
function zoneOffsetHours(zone: string): number {
  const now = new Date();
  const local = new Date(now.toLocaleString('en-US', { timeZone: zone }));
  const utc = new Date(now.toLocaleString('en-US', { timeZone: 'UTC' }));
  return Math.round((local.getTime() - utc.getTime()) / 3_600_000);
}
