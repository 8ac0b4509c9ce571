/** Faults of replicas: killed, frozen, blocked, asked to leave. */

import { poll } from '../../poll.ts';
import { sendInTurn } from '../client.ts';
import { blockEventLoop } from '../cluster/inspector.ts';
import type { ReplicaProcess } from '../cluster/replica.ts';
import type { ChaosTask } from '../history.ts';
import { recorderNow } from '../history.ts';
import { type Fault, type FaultContext, sleep } from './fault.ts';

const processOf = ({ cluster }: FaultContext, replica: number) => cluster.replicas[replica] as ReplicaProcess;

async function killNow(context: FaultContext, replica: number): Promise<void> {
  const doomed = processOf(context, replica);
  doomed.signal('SIGKILL');
  await doomed.exited;
}

export const kill: Fault<'kill'> = async (context, { replica, down }) => {
  await killNow(context, replica);
  await context.seconds(down);
  await context.cluster.start(replica);
};

export const killAll: Fault<'kill-all'> = async (context, { down }) => {
  const all = context.cluster.replicas.map((_, replica) => replica);
  await Promise.all(all.map((replica) => killNow(context, replica)));
  await context.seconds(down);
  await Promise.all(all.map((replica) => context.cluster.start(replica)));
};

export const crashEverything: Fault<'crash-everything'> = async (context, { down }) => {
  const all = context.cluster.replicas.map((_, replica) => replica);
  await Promise.all([context.cluster.postgres.crash(), ...all.map((replica) => killNow(context, replica))]);
  await context.seconds(down);
  await context.cluster.postgres.start();
  await Promise.all(all.map((replica) => context.cluster.start(replica)));
};

export const freeze: Fault<'freeze'> = async (context, { replica, for: length }) => {
  processOf(context, replica).signal('SIGSTOP');
  try {
    await context.seconds(length);
  } finally {
    processOf(context, replica).signal('SIGCONT');
  }
};

export const block: Fault<'block'> = async (context, { replica, for: length }) => {
  await blockEventLoop(processOf(context, replica), length * 1_000 * context.plan.pace.factor);
  await context.seconds(length);
};

/** SIGTERM while `running` attempts of slow runs are under way; a second one leaves at once. */
export const terminate: Fault<'terminate'> = async (context, { replica, twice, running }) => {
  const { client, tasks, target, cluster } = context;
  const slow: ChaosTask = {
    ...{ id: `slow-${replica}-${twice}`, incarnation: `slow-${replica}-${twice}`, schedule: { manual: true } },
    ...{
      overlap: 'allow',
      misfire: { policy: 'skip', graceMs: 60_000, limit: 1 },
      maxAttempts: 2,
      maxRuns: null,
      takesMs: 3_000,
      failures: 0,
    },
  };
  tasks.push(slow);
  await client.create(slow);
  await Promise.all(Array.from({ length: running }, () => client.trigger(slow, 0)));
  const called = () => target.calls.filter(({ taskId }) => taskId === slow.id).length;
  await poll(() => called() >= running, { what: 'the slow runs to begin', withinMs: 15_000 }).catch(() => {});
  const leaving = processOf(context, replica);
  leaving.signal('SIGTERM');
  if (twice) {
    await sleep(300);
    leaving.signal('SIGTERM');
    leaving.record.end = null;
  }
  await leaving.exited;
  if (twice && leaving.record.end === '1') leaving.record.end = '1 (asked twice)';
  await context.seconds(2);
  await cluster.start(replica);
};

/** One replica after the other, while a balancer that asks who is ready spreads requests over them. */
export const rollingRestart: Fault<'rolling-restart'> = async (context, { requestsPerSecond }) => {
  const { cluster, history, tasks } = context;
  const ready = new Set(cluster.urls.keys());
  let over = false;
  const probing = (async () => {
    while (!over) {
      await Promise.all(
        cluster.urls.map(async (_, replica) =>
          (await cluster.isReady(replica)) ? ready.add(replica) : ready.delete(replica),
        ),
      );
      await sleep(100);
    }
  })();
  const send = sendInTurn(cluster.urls);
  const under = new Set<Promise<unknown>>();
  let turn = 0;
  const ask = async () => {
    const urls = [...ready].map((replica) => cluster.urls[replica] as string);
    const task = tasks[turn++ % tasks.length] as ChaosTask;
    const sentAt = recorderNow();
    const about = { kind: 'read' as const, taskId: task.id, incarnation: task.incarnation, sentAt };
    await (urls.length > 0
      ? sendInTurn([...urls.slice(turn % urls.length), ...urls.slice(0, turn % urls.length)])
      : send)('GET', `/tasks/${task.id}`, null, {}).then(
      ({ status, replica, retryAfter }) =>
        history.requests.push({
          ...about,
          answeredAt: recorderNow(),
          status,
          replica,
          retryAfter,
          ok: status < 300 ? true : status < 500 ? false : null,
        }),
      (error: Error & { cause?: Error }) =>
        history.requests.push({
          ...about,
          answeredAt: recorderNow(),
          status: null,
          replica: -1,
          ok: null,
          problem: `${error.message} ${error.cause?.message}`,
        }),
    );
  };
  const timer = setInterval(() => {
    const promise: Promise<unknown> = ask().finally(() => under.delete(promise));
    under.add(promise);
  }, 1_000 / requestsPerSecond);
  for (const [replica] of cluster.urls.entries()) {
    const leaving = processOf(context, replica);
    leaving.signal('SIGTERM');
    await leaving.exited;
    await cluster.start(replica);
    await context.seconds(2);
  }
  clearInterval(timer);
  await Promise.all([...under]);
  over = true;
  await probing;
};

/** A replica's clock is wrong by so many hours, jumps the other way in the middle, and is set right. */
export const clockFault: Fault<'clock'> = async (context, { replica, hours, for: length }) => {
  const { cluster, history } = context;
  if (!(await cluster.setClock(replica, hours * 3_600))) {
    const note = 'libfaketime is not installed: no replica had a wrong clock';
    if (!history.notes.includes(note)) history.notes.push(note);
  }
  await context.seconds(length / 2);
  await cluster.setClock(replica, -hours * 3_600);
  await context.seconds(length / 2);
  await cluster.setClock(replica, 0);
};
