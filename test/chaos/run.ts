/** Runs a plan against a real cluster and gives back the history of it. */

import { poll } from '../poll.ts';
import { startChurn } from './churn.ts';
import { type Client, createClient, sendInTurn } from './client.ts';
import { installAudit, readAudit, readTables } from './cluster/audit.ts';
import { startCluster, type Tools } from './cluster/cluster.ts';
import { startRecordingTarget } from './cluster/recording-target.ts';
import { readMetrics, startWatch } from './cluster/watch.ts';
import { type FaultContext, sleep } from './faults/fault.ts';
import { makeFault } from './faults/make.ts';
import { type History, recorderNow } from './history.ts';
import { baseLoad } from './load.ts';
import type { Plan } from './plan.ts';
import { randomFrom } from './random.ts';

/** Tells whoever waits what is going on. */
export type Say = (line: string) => void;

const abreast = 8;
/** How long the service may take to come to rest once everything is stopped: the slowest targets, retries, leases. */
const restMs = 60_000;

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: abreast }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}

export async function runPlan(plan: Plan, tools: Tools, say: Say): Promise<History> {
  const notes: string[] = [];
  const target = await startRecordingTarget();
  const cluster = await startCluster(plan, tools, notes).catch(async (error) => {
    await target.close();
    throw error;
  });
  const startedAt = recorderNow();
  const history: History = {
    ...{ plan, startedAt, faultFrom: startedAt, faultUntil: startedAt, endedAt: startedAt, notes },
    ...{
      tasks: [],
      requests: [],
      faults: [],
      calls: target.calls,
      offsets: [],
      orphans: [],
      processes: cluster.processes,
    },
    ...{
      audit: [],
      leases: [],
      metrics: [],
      final: { at: startedAt, quiet: false, tasks: [], runs: [], misses: [], liveOwners: [] },
    },
  };
  const watch = startWatch(cluster, history);
  try {
    await installAudit(cluster.query);
    await poll(() => history.offsets.length > 0, { what: "the database's clock" });
    const ahead = () => ((history.offsets[0]?.least ?? 0) + (history.offsets[0]?.most ?? 0)) / 2;
    const databaseNow = () => recorderNow() + ahead();
    if (plan.databaseSays !== null && ahead() > 3_600_000) await sleep(Math.max(0, plan.databaseSays - databaseNow()));
    const random = randomFrom(plan.seed + 1);
    let keys = 0;
    const client = createClient(
      sendInTurn(cluster.urls),
      target.url,
      history.requests,
      () => `chaos-${plan.seed}-${++keys}`,
      async ({ incarnation }) => {
        const rows = await cluster.query<{ id: string }>(
          `select r.id from runs r join tasks t on t.uid = r.task_uid
           where t.labels->>'incarnation' = $1 and r.trigger in ('schedule', 'catch_up')`,
          [incarnation],
        );
        return rows.map(({ id }) => id);
      },
    );

    history.tasks = baseLoad(plan, databaseNow());
    await inTurns(history.tasks, client.create);
    say(`${history.tasks.length} tasks created; load for ${plan.pace.load} s`);
    const { churnPerSecond: perSecond, triggersPerSecond } = plan;
    const early = startChurn(client, history.tasks, { perSecond: 0, triggersPerSecond }, random, databaseNow);
    await sleep(plan.pace.load * 1_000);
    await early.stop();

    history.faultFrom = recorderNow();
    const churn = startChurn(client, history.tasks, { perSecond, triggersPerSecond }, random, databaseNow);
    const seconds = (count: number) => sleep(count * plan.pace.factor * 1_000);
    const context: FaultContext = {
      plan,
      cluster,
      tools,
      target,
      client,
      history,
      random,
      seconds,
      databaseNow,
      tasks: history.tasks,
    };
    const made = await Promise.allSettled([
      sleep(plan.pace.fault * 1_000),
      ...plan.faults.map(async ({ at, action }) => {
        await seconds(at);
        await makeFault(context, action);
      }),
    ]);
    await churn.stop();
    for (const each of made) if (each.status === 'rejected') throw each.reason;
    history.faultUntil = recorderNow();
    say(`faults over; recovery for ${plan.pace.recovery} s`);
    await sleep(plan.pace.recovery * 1_000);

    await stopEverything(history, client);
    history.endedAt = recorderNow();
    const live = async () =>
      (
        await cluster.query<{ live: number }>(
          `select count(*)::integer as live from runs where status in ('pending', 'running', 'retrying')`,
        )
      )[0]?.live;
    history.final.quiet = await poll(async () => (await live()) === 0, {
      what: 'rest',
      withinMs: restMs,
      everyMs: 200,
    }).catch(() => false);
    // Attempts are counted after they are written, and a sweep comes every second.
    await sleep(1_500);
    history.metrics = await readMetrics(cluster);
    Object.assign(history, await readAudit(cluster.query));
    history.final = { ...(await readTables(cluster.query)), quiet: history.final.quiet, at: recorderNow() };
    await watch.stop();
    return history;
  } finally {
    await watch.stop();
    await cluster.close();
    await target.close();
  }
}

/** Stops what is still there, each until it is known to be stopped. What was due by then still runs to its end. */
async function stopEverything(history: History, { stop }: Pick<Client, 'stop'>): Promise<void> {
  const last = new Map(history.tasks.map((task) => [task.id, task]));
  const deleted = new Set(
    history.requests.filter(({ kind, ok }) => kind === 'delete' && ok === true).map(({ incarnation }) => incarnation),
  );
  await inTurns(
    [...last.values()].filter(
      ({ incarnation, schedule }) => !deleted.has(incarnation) && !('manual' in schedule) && !('atMs' in schedule),
    ),
    async (task) => {
      for (let tries = 0; tries < 10; tries++) {
        const { ok } = await stop(task, 'none');
        if (ok !== null) return;
        await sleep(500);
      }
    },
  );
}
