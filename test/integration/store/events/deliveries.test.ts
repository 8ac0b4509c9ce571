import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import type { RunStatus } from '../../../../src/domain/run/run.ts';
import { timeOrderedId } from '../../../../src/domain/schedule/occurrence.ts';
import type { EventHook } from '../../../../src/domain/task/policies.ts';
import { hookSubscriber } from '../../../../src/events/hooks/subscriber.ts';
import { resolveMiss } from '../../../../src/store/changes/misses.ts';
import { type DeliveryEnd, endDeliveries, takeDeliveries } from '../../../../src/store/events/deliveries.ts';
import { listEvents } from '../../../../src/store/events/events.ts';
import { readOutbox, registerSubscribers } from '../../../../src/store/events/outbox.ts';
import { recordMisses } from '../../../../src/store/runs/recovery/sweep.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { deleteTask, updateTask } from '../../../../src/store/tasks/tasks.ts';
import { forgetTombstones } from '../../../../src/store/tasks/tombstones.ts';
import { noPostgres } from '../../../services/provided.ts';
import { author, makeTask, openStore, plantRun, redact, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
  await registerSubscribers(store.db, [hookSubscriber.name]);
});
beforeEach(() => store.db.query('truncate runs, deliveries, events'));

/** Hands the hooks what was written. */
const tellHooks = () =>
  readOutbox(store.database, { ...hookSubscriber, limit: 1_000 }, (db, events) => hookSubscriber.take(db, events));

const url = 'http://127.0.0.1:9/hook';
let random = 0;
const runIdAt = (instant: number) =>
  timeOrderedId(instant, (bytes) => new DataView(bytes.buffer).setUint32(5, ++random));

/** A run of a task with hooks that ends so. */
async function endedRun(task: Pick<Task, 'uid'>, status: RunStatus, at = t0): Promise<string> {
  const id = runIdAt(at);
  await plantRun(store.db, { id, uid: task.uid, status: 'running', attempt: 1, at });
  await store.db.query('update runs set hooked = true where id = $1', [id]);
  await store.db.query(
    `update runs set status = $2::run_status, finished_at = $3, output = 'out', http_status = 200,
       error_kind = case when $2::run_status = 'succeeded' then null else 'rejected' end::error_kind,
       error_message = case when $2::run_status = 'succeeded' then null else 'the target answered 500' end where id = $1`,
    [id, status, new Date(at + 400)],
  );
  return id;
}

async function plant(uid: number, due: { id?: string; runId?: string | null; hook?: EventHook; at?: number }) {
  const id = due.id ?? randomUUID();
  const at = new Date(due.at ?? t0);
  await store.db.query(
    'insert into deliveries (id, task_uid, run_id, hook, due_at, created_at) values ($1, $2, $3, $4, $5, $5)',
    [id, uid, due.runId ?? null, due.hook ?? 'onSuccess', at],
  );
  return id;
}

const told = async () => {
  await tellHooks();
  const { rows } = await store.db.query<{ hook: string; run_id: string }>('select hook, run_id from deliveries');
  return rows.map(({ hook, run_id }) => [run_id, hook]).sort();
};
const rest = async () =>
  (await store.db.query<{ id: string; due_at: Date; attempt: number }>('select id, due_at, attempt from deliveries'))
    .rows;
const all = { onSuccess: url, onFailure: url, onRecovery: url, onMissed: url };
const end = (more: Partial<DeliveryEnd> & { id: string; until: number }): DeliveryEnd => ({
  dueAt: null,
  attempt: 1,
  failure: null,
  ...more,
});

describe('the end of a run', () => {
  test.each(['failed', 'timed_out', 'lost'] as const)('%s is told to onFailure', async (status) => {
    const task = await makeTask(store.db, `end-${status}`, { hooks: all });
    const id = await endedRun(task, status);
    expect(await told()).toEqual([[id, 'onFailure']]);
  });

  test('is told to those that hear of it, recovery at the first success after a failure only', async () => {
    const task = await makeTask(store.db, 'recovery', { hooks: all });
    const hooks: string[] = [];
    for (const [place, status] of (
      ['succeeded', 'succeeded', 'failed', 'lost', 'succeeded', 'succeeded', 'timed_out', 'succeeded'] as const
    ).entries()) {
      await store.db.query('delete from deliveries');
      await endedRun(task, status, t0 + place * 1_000);
      hooks.push((await told()).map(([, hook]) => hook).join());
    }
    expect(hooks).toEqual([
      'onSuccess',
      'onSuccess',
      'onFailure',
      'onFailure',
      'onRecovery,onSuccess',
      'onSuccess',
      'onFailure',
      'onRecovery,onSuccess',
    ]);
  });

  test('is told to nobody where it was cancelled, or the task has no hook for it', async () => {
    const task = await makeTask(store.db, 'deaf', { hooks: { onSuccess: url } });
    await endedRun(task, 'cancelled');
    await endedRun(task, 'failed');
    expect(await told()).toEqual([]);
  });

  test('is told in the transaction in which it ends, or not at all', async () => {
    const task = await makeTask(store.db, 'atomic', { hooks: all });
    const id = await endedRun(task, 'running');
    const client = await store.database.pool.connect();
    await client.query('begin');
    await client.query(`update runs set status = 'succeeded' where id = $1`, [id]);
    expect((await client.query(`select from events where type = 'run_ended'`)).rowCount).toBe(1);
    await tellHooks();
    await client.query('rollback');
    client.release();
    expect(await told()).toEqual([]);
  });
});

describe('taking calls', () => {
  test('gives the run, the hook and the task as they are, and hides the call until a little after the timeout', async () => {
    const task = await makeTask(store.db, 'taken', {
      hooks: { onFailure: { url, headers: { 'x-key': 'k' }, timeout: '20s' } },
    });
    const runId = await endedRun(task, 'failed');
    await tellHooks();
    await store.db.query('update deliveries set due_at = $1, created_at = $1', [new Date(t0)]);
    expect(await takeDeliveries(store.db, 10, t0 - 1)).toEqual([]);
    expect(await takeDeliveries(store.db, 10, t0)).toEqual([
      {
        id: expect.any(String),
        hook: 'onFailure',
        task: { namespace: 'default', id: 'taken' },
        call: { url, headers: { 'x-key': 'k' }, timeout: '20s' },
        signing: null,
        runId,
        run: {
          id: runId,
          status: 'failed',
          trigger: 'schedule',
          scheduledFor: t0,
          startedAt: t0,
          finishedAt: t0 + 400,
          attempt: 1,
          httpStatus: 200,
          output: 'out',
          truncated: false,
          error: { kind: 'rejected', message: 'the target answered 500' },
        },
        data: null,
        attempt: 0,
        createdAt: t0,
        until: t0 + 25_000,
      },
    ]);
    expect(await takeDeliveries(store.db, 10, t0 + 24_999)).toEqual([]);
    expect(await takeDeliveries(store.db, 10, t0 + 25_000)).toHaveLength(1);
  });

  test('goes by what waited longest, at most so many', async () => {
    const { uid } = await makeTask(store.db, 'order', { hooks: all });
    const ids = await Promise.all([3, 1, 2, 0].map((age) => plant(uid, { at: t0 - age * 1_000 })));
    const first = (await takeDeliveries(store.db, 2, t0)).map(({ id }) => id);
    expect(first.sort()).toEqual([ids[0], ids[2]].sort());
    expect((await takeDeliveries(store.db, 9, t0)).map(({ id }) => id).sort()).toEqual([ids[1], ids[3]].sort());
  });

  test('still knows a deleted task, and says what is there no more', async () => {
    const task = await makeTask(store.db, 'gone', { hooks: { onSuccess: url, onFailure: url } });
    const runId = await endedRun(task, 'succeeded');
    await deleteTask(store.db, defaultNamespace, 'gone', null, author, t0);
    await tellHooks();
    await store.db.query('update deliveries set due_at = $1', [new Date(t0)]);
    expect(await takeDeliveries(store.db, 1, t0)).toMatchObject([
      { task: { namespace: 'default', id: 'gone' }, call: { url }, run: { id: runId } },
    ]);
    const kept = await makeTask(store.db, 'changed', { hooks: { onSuccess: url, onFailure: url } });
    const hooks = { ...kept.definition.hooks, onSuccess: null } as typeof kept.definition.hooks;
    await updateTask(
      store.db,
      kept,
      { redact, type: 'updated', definition: { ...kept.definition, hooks }, activeFrom: null },
      author,
      t0,
    );
    await plant(kept.uid, { runId: randomUUID() });
    expect(await takeDeliveries(store.db, 1, t0)).toMatchObject([{ task: { id: 'changed' }, call: null, run: null }]);
    await plant(999_999, {});
    expect(await takeDeliveries(store.db, 1, t0)).toMatchObject([
      { task: null, call: null, run: null, until: t0 + 5_000 },
    ]);
  });

  test.skipIf(noPostgres)('never gives the same call to two takers, and waits for none', async () => {
    const { uid } = await makeTask(store.db, 'takers', { hooks: all });
    const ids = await Promise.all(Array.from({ length: 100 }, () => plant(uid, {})));
    const first = await store.database.pool.connect();
    await first.query('begin');
    const held = (await takeDeliveries(first, 20, t0)).map(({ id }) => id);
    const takers = Array.from({ length: 5 }, async () => {
      const mine: string[] = [];
      for (;;) {
        const taken = await takeDeliveries(store.db, 7, t0);
        if (taken.length === 0) return mine;
        mine.push(...taken.map(({ id }) => id));
      }
    });
    const taken = (await Promise.all(takers)).flat();
    await first.query('commit');
    first.release();
    expect([...held, ...taken].sort()).toEqual(ids.sort());
  });
});

describe('writing down what came of calls', () => {
  test('forgets what got through, keeps what is to be repeated, and notes what is given up', async () => {
    const task = await makeTask(store.db, 'ends', { hooks: all });
    const [through, again, given] = await Promise.all([1, 2, 3].map(() => plant(task.uid, {})));
    const [{ until } = { until: 0 }] = await takeDeliveries(store.db, 10, t0);
    const failure = { hook: 'onSuccess', runId: null, attempts: 40, error: 'the target answered 500' };
    await endDeliveries(
      store.db,
      [
        end({ id: through ?? '', until }),
        end({ id: again ?? '', until, dueAt: t0 + 900, attempt: 1 }),
        end({ id: given ?? '', until, failure }),
      ],
      t0 + 100,
    );
    expect(await rest()).toEqual([{ id: again, due_at: new Date(t0 + 900), attempt: 1 }]);
    const { items } = await listEvents(store.db, {
      uid: task.uid,
      type: null,
      before: null,
      limit: 10,
      largest: 1_000_000,
    });
    expect(items.filter(({ type }) => type === 'hook_failed')).toMatchObject([
      {
        type: 'hook_failed',
        at: new Date(t0 + 100).toISOString(),
        actor: 'scheduler',
        requestId: null,
        changes: failure,
      },
    ]);
  });

  test('leaves alone what somebody else has taken meanwhile, unless it got through', async () => {
    const { uid } = await makeTask(store.db, 'fenced', { hooks: all });
    const ids = (await Promise.all([1, 2, 3].map(() => plant(uid, {})))) as [string, string, string];
    const [{ until } = { until: 0 }] = await takeDeliveries(store.db, 10, t0);
    const [other] = await takeDeliveries(store.db, 10, until);
    const ends = [
      end({ id: ids[0], until }),
      end({ id: ids[1], until, dueAt: t0 }),
      end({ id: ids[2], until, failure: { hook: 'onSuccess' } }),
    ];
    await endDeliveries(store.db, ends, t0);
    const left = await rest();
    expect(left.map(({ id }) => id).sort()).toEqual([ids[1], ids[2]].sort());
    expect(left.map(({ due_at, attempt }) => [due_at.getTime(), attempt])).toEqual([
      [other?.until, 0],
      [other?.until, 0],
    ]);
    const { items } = await listEvents(store.db, { uid, type: null, before: null, limit: 10, largest: 1_000_000 });
    expect(items.map(({ type }) => type)).not.toContain('hook_failed');
  });
});

test('a miss is told where the task has a hook for it and is still the one', async () => {
  const hooked = await makeTask(store.db, 'miss-told', { hooks: { onMissed: url } });
  const deaf = await makeTask(store.db, 'miss-deaf', { hooks: { onFailure: url } });
  const miss = { scheduleVersion: 1, from: t0, to: t0 + 5_000, count: 6, policy: 'skip' };
  await recordMisses(
    store.db,
    [
      { uid: hooked.uid, ...miss },
      { uid: deaf.uid, ...miss },
      { uid: hooked.uid, ...miss, scheduleVersion: 7 },
    ],
    t0,
  );
  await tellHooks();
  const later = Date.now() + 60_000;
  expect(await takeDeliveries(store.db, 10, later)).toMatchObject([
    {
      hook: 'onMissed',
      task: { namespace: 'default', id: 'miss-told' },
      runId: null,
      run: null,
      data: { from: new Date(t0).toISOString(), to: new Date(t0 + 5_000).toISOString(), count: 6, policy: 'skip' },
    },
  ]);
});

test('a miss by a change is told later, as it was corrected meanwhile, or not at all', async () => {
  const task = await makeTask(store.db, 'miss-corrected', { hooks: { onMissed: url } });
  const miss = { from: t0, to: t0 + 2_000, count: 3 };
  const record = async () => {
    const { rows } = await store.db.query<{ id: string }>(
      `insert into events (task_uid, type, at, actor, data) values ($1, 'missed', $2, 'scheduler', $3) returning id`,
      [task.uid, new Date(t0), { count: 3, policy: 'skip', reason: 'stopped' }],
    );
    const recorded = {
      eventId: rows[0]?.id ?? '',
      before: task,
      open: { after: t0 - 1, upTo: t0 + 2_000, ran: [] },
      miss,
    };
    await tellHooks();
    return (left: typeof miss | null) => resolveMiss(store.db, recorded, async () => left);
  };
  const corrected = await record();
  const dropped = await record();
  await corrected({ from: t0 + 1_000, to: t0 + 2_000, count: 2 });
  await dropped(null);
  expect(await takeDeliveries(store.db, 10, t0 + 1_999)).toEqual([]);
  expect(await takeDeliveries(store.db, 10, t0 + 2_000)).toMatchObject([
    { hook: 'onMissed', createdAt: t0, data: { count: 2, policy: 'skip', reason: 'stopped' } },
  ]);
});

test('what a forgotten task had still to tell is forgotten with it', async () => {
  const task = await makeTask(store.db, 'forgotten', { hooks: all });
  const live = await makeTask(store.db, 'not-forgotten', { hooks: all });
  await plant(task.uid, {});
  const kept = await plant(live.uid, {});
  await deleteTask(store.db, defaultNamespace, 'forgotten', null, author, t0);
  await forgetTombstones(store.db, t0, 10);
  expect(await rest()).toHaveLength(2);
  await forgetTombstones(store.db, t0 + 1, 10);
  expect((await rest()).map(({ id }) => id)).toEqual([kept]);
});
