/** Faults that are a load: hostile targets, a burst of tasks in one second, an outage of days. */

import { gzipSync } from 'node:zlib';
import {
  drip,
  endlessBody,
  endlessHeaders,
  gzipBomb,
  hang,
  redirect,
  resetAtOnce,
  resetMidBody,
  slowHeaders,
  startTarget,
} from '../../target.ts';
import { type ChaosTask, recorderNow } from '../history.ts';
import { scheduleBody, taskBody } from '../load.ts';
import { type Fault, type FaultContext, sleep } from './fault.ts';

const plain = {
  overlap: 'allow' as const,
  misfire: { policy: 'fire_once' as const, graceMs: 60_000, limit: 5 },
  ...{ maxAttempts: 1, maxRuns: null, takesMs: 0, failures: 0 },
};

/** Creates tasks, a thousand at a time. Tasks outside `recorded` are not the checker's. */
async function createMany(
  { cluster, history, target, tasks }: FaultContext,
  made: ChaosTask[],
  more: (task: ChaosTask) => object = () => ({}),
): Promise<void> {
  for (let start = 0; start < made.length; start += 1_000) {
    const items = made.slice(start, start + 1_000);
    const sentAt = recorderNow();
    const answer = await fetch(`${cluster.urls[0]}/tasks/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ items: items.map((task) => ({ ...taskBody(task, target.url), ...more(task) })) }),
    });
    const body = (await answer.json()) as { items: { status: number }[] };
    const answeredAt = recorderNow();
    items.forEach((task, place) => {
      const status = body.items[place]?.status ?? answer.status;
      tasks.push(task);
      history.requests.push({
        kind: 'create',
        taskId: task.id,
        incarnation: task.incarnation,
        sentAt,
        answeredAt,
        status,
        ok: status < 300,
        replica: 0,
        schedule: task.schedule,
      });
    });
  }
}

export const burst: Fault<'burst'> = async (context, { tasks }) => {
  const atMs = Math.ceil((context.databaseNow() + 8_000) / 1_000) * 1_000;
  const made = Array.from(
    { length: tasks },
    (_, n): ChaosTask => ({ ...plain, id: `burst-${n}`, incarnation: `burst-${n}`, schedule: { atMs } }),
  );
  await createMany(context, made);
  await sleep(Math.max(0, atMs - context.databaseNow()));
  await context.seconds(10);
};

/** Days of occurrences behind, as if every replica had been down for so long. */
export const outage: Fault<'outage'> = async (context, { days, tasks }) => {
  const { cluster, history } = context;
  const anchorMs = Math.floor(context.databaseNow() / 60_000) * 60_000 - (days + 1) * 86_400_000;
  const policies = ['skip', 'fire_once', 'fire_all'] as const;
  const made = Array.from(
    { length: tasks },
    (_, n): ChaosTask => ({
      ...plain,
      ...{ id: `outage-${n}`, incarnation: `outage-${n}`, schedule: { everyMs: 60_000, anchorMs } },
      misfire: { policy: policies[n % 3] as (typeof policies)[number], graceMs: 60_000, limit: 5 },
    }),
  );
  await createMany(context, made);
  const back = days * 86_400_000;
  for (const replica of cluster.replicas) replica.signal('SIGKILL');
  await Promise.all(cluster.replicas.map((replica) => replica.exited));
  // Only tasks of the outage go back in time: the others have runs already.
  await cluster.query(
    `update tasks set active_from = active_from - $1 * interval '1 millisecond' where id like 'outage-%'`,
    [back],
  );
  await cluster.query(`update cluster set watermark = watermark - $1 * interval '1 millisecond'`, [back]);
  for (const request of history.requests)
    if (request.taskId.startsWith('outage-'))
      Object.assign(request, { sentAt: request.sentAt - back, answeredAt: request.answeredAt - back });
  history.startedAt -= back;
  const from = recorderNow();
  await Promise.all(cluster.urls.map((_, replica) => cluster.start(replica)));
  const watermark = async () =>
    (await cluster.query<{ at: number }>('select extract(epoch from watermark)::float8 * 1000 as at from cluster'))[0]
      ?.at ?? 0;
  while (context.databaseNow() - (await watermark()) > 60_000 && recorderNow() - from < 120_000) await sleep(100);
  history.notes.push(
    `${days} days of ${tasks} tasks were settled ${Math.round(recorderNow() - from)} ms after the start of the processes`,
  );
};

const behaviours = {
  hang: hang(),
  drip: drip(1_000),
  'slow-headers': slowHeaders(1_000),
  'five-gigabytes': endlessBody(),
  'endless-headers': endlessHeaders(),
  'gzip-bomb': gzipBomb(gzipSync(Buffer.alloc(64 << 20))),
  reset: resetAtOnce(),
  'reset-mid-body': resetMidBody(),
  redirect: redirect('http://169.254.169.254/latest/meta-data/'),
};

/** Targets that do everything to harm whoever calls them, each once a second and again. */
export const hostileTargets: Fault<'hostile-targets'> = async (context, { for: length }) => {
  const hostile = await startTarget();
  const created: string[] = [];
  const ask = (method: string, path: string, body: object | null) =>
    fetch(context.cluster.urls[0] + path, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  for (const [name, behaviour] of Object.entries(behaviours)) {
    hostile.setBehaviour(`/${name}`, behaviour);
    const schedule = scheduleBody({ everyMs: 1_000, anchorMs: context.databaseNow() - 1_000 });
    const answer = await ask('POST', '/tasks', {
      id: `hostile-${name}`,
      schedule,
      overlap: 'allow',
      timeout: '3s',
      target: `${hostile.url}/${name}`,
    });
    if (answer.ok) created.push(`hostile-${name}`);
  }
  await context.seconds(length);
  for (const id of created) await ask('DELETE', `/tasks/${id}`, null);
  context.history.notes.push(`hostile targets were called ${hostile.requests.length} times`);
  await sleep(4_000);
  await hostile.close();
};
