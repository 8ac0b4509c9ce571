import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { timeOrderedId } from '../../../../src/domain/schedule/occurrence.ts';
import { type Claimer, claimOccurrences, type Due } from '../../../../src/store/runs/claiming/claims.ts';
import { insertManualRun, takeWaiting as take, takeUnconfirmed } from '../../../../src/store/runs/claiming/dispatch.ts';
import { recordOverlaps } from '../../../../src/store/runs/claiming/overlaps.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { deleteTask, updateTask } from '../../../../src/store/tasks/tasks.ts';
import { noPostgres } from '../../../services/provided.ts';
import {
  asked,
  author,
  dueOf,
  makeTask,
  makeTasks,
  openStore,
  plantRun,
  readRun,
  redact,
  runsOf,
  type Store,
  t0,
  waitForBlocked,
} from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
beforeEach(() => store.db.query('truncate runs'));

const takeWaiting = async (...given: Parameters<typeof take>) => (await take(...given)).runs;

let random = 0;
const runIdAt = (instant: number) =>
  timeOrderedId(instant, (bytes) => new DataView(bytes.buffer).setUint32(5, ++random));
const claimer = (): Claimer => ({ owner: randomUUID(), now: t0, trigger: 'schedule' });
const finish = (id: string) =>
  store.db.query(`update runs set status = 'succeeded', overlap_slot = null, finished_at = now() where id = $1`, [id]);
const idsOf = (runs: { runId: string }[]) => runs.map(({ runId }) => runId);

describe('taking waiting runs', () => {
  test('gives what the attempt needs, and makes the run ours', async () => {
    const task = await makeTask(store.db, 'take', { overlap: 'queue', timeout: '4s' });
    const runId = runIdAt(t0);
    await insertManualRun(store.db, { ...asked, runId, taskUid: task.uid, trigger: 'manual' }, author, t0);
    const owner = randomUUID();
    const { target, retry } = task.definition;
    expect(await takeWaiting(store.db, owner, 10, t0)).toEqual([
      {
        runId,
        origin: asked.origin,
        input: null,
        uid: task.uid,
        namespace: 'default',
        attempt: 1,
        scheduledFor: t0,
        trigger: 'manual',
        firstStartedAt: null,
        inQuota: false,
        snapshot: {
          taskId: 'take',
          namespace: 'default',
          version: 1,
          target,
          timeoutMs: 4_000,
          maxAttempts: 1,
          retry,
          queues: true,
          policies: null,
          about: null,
        },
      },
    ]);
    expect(await readRun(store.db, runId)).toMatchObject({
      status: 'running',
      owner,
      attempt: 1,
      overlap_slot: 0,
      started_at: new Date(t0),
    });
    expect(await takeWaiting(store.db, owner, 10, t0)).toEqual([]);
  });

  test('leaves what is not due yet, counts the attempt on, and keeps when the first began', async () => {
    const task = await makeTask(store.db, 'take-later', { overlap: 'allow' });
    const id = runIdAt(t0);
    await plantRun(store.db, { id, uid: task.uid, status: 'retrying', attempt: 2, due_at: new Date(t0 + 100) });
    expect(await takeWaiting(store.db, randomUUID(), 10, t0 + 99)).toEqual([]);
    expect(await takeWaiting(store.db, randomUUID(), 10, t0 + 100)).toMatchObject([{ runId: id, attempt: 3 }]);
    expect((await readRun(store.db, id)).started_at).toEqual(new Date(t0));
  });

  test('goes by effective_due_at: the due instant less ten seconds for each step of priority', async () => {
    const tasks = await makeTasks(
      store.db,
      Array.from({ length: 11 }, (_, priority) => `effective_due_at-${priority}`),
    );
    for (const [priority, task] of tasks.entries())
      await updateTask(
        store.db,
        task,
        { redact, type: 'updated', definition: { ...task.definition, overlap: 'allow', priority }, activeFrom: null },
        author,
        t0,
      );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(10), fc.nat(200_000)), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 12 }),
        async (waiting, limit) => {
          await store.db.query('truncate runs');
          const effectiveDueTimes = new Map<string, number>();
          for (const [priority, age] of waiting) {
            const runId = runIdAt(t0 - age);
            const { uid } = tasks[priority] as Task;
            await insertManualRun(store.db, { ...asked, runId, taskUid: uid, trigger: 'manual' }, author, t0 - age);
            effectiveDueTimes.set(runId, -age - priority * 10_000);
          }
          const order = [...effectiveDueTimes.values()].sort((a, b) => a - b);
          while (order.length > 0) {
            const taken = await takeWaiting(store.db, randomUUID(), limit, t0);
            const expected = order.splice(0, limit);
            expect(taken.map(({ runId }) => effectiveDueTimes.get(runId) as number).sort((a, b) => a - b)).toEqual(
              expected,
            );
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test('passes over a run queued behind a live one, and moves it up when that one is over', async () => {
    const task = await makeTask(store.db, 'queued', { overlap: 'queue' });
    await claimOccurrences(store.db, [dueOf(task, 0)], claimer(), false);
    await recordOverlaps(store.db, [dueOf(task, 1)], claimer());
    for (const status of ['running', 'retrying'] as const) {
      await store.db.query('update runs set status = $2, due_at = $3 where id = $1', [
        dueOf(task, 0).runId,
        status,
        new Date(t0 + 60_000),
      ]);
      expect(await takeWaiting(store.db, randomUUID(), 10, t0 + 5_000)).toEqual([]);
    }
    await store.db.query(`update runs set status = 'running' where id = $1`, [dueOf(task, 0).runId]);
    await finish(dueOf(task, 0).runId);
    expect(idsOf(await takeWaiting(store.db, randomUUID(), 10, t0 + 5_000))).toEqual([dueOf(task, 1).runId]);
    expect(await readRun(store.db, dueOf(task, 1).runId)).toMatchObject({ overlap_slot: 0, status: 'running' });
    // Its place in the queue is free for the next one.
    await recordOverlaps(store.db, [dueOf(task, 2)], claimer());
    expect(await readRun(store.db, dueOf(task, 2).runId)).toMatchObject({ overlap_slot: 1, status: 'pending' });
  });

  test.skipIf(noPostgres)('survives a claim that takes the place a queued run was about to move up to', async () => {
    const task = await makeTask(store.db, 'queue-race', { overlap: 'queue' });
    const other = await makeTask(store.db, 'queue-race-other', { overlap: 'allow' });
    await claimOccurrences(store.db, [dueOf(task, 0)], claimer(), false);
    await recordOverlaps(store.db, [dueOf(task, 1)], claimer());
    await finish(dueOf(task, 0).runId);
    const manual = runIdAt(t0);
    await insertManualRun(store.db, { ...asked, runId: manual, taskUid: other.uid, trigger: 'manual' }, author, t0);
    const rival = await store.database.pool.connect();
    await rival.query('begin');
    await claimOccurrences(rival, [dueOf(task, 2)], claimer(), false);
    const taking = takeWaiting(store.db, randomUUID(), 10, t0 + 5_000);
    await waitForBlocked(store.db, 1);
    await rival.query('commit');
    rival.release();
    // Postgres tells of an error before it lets go of the locks, so the very next look may find the row still held.
    const taken = idsOf(await taking);
    await expect
      .poll(async () => taken.push(...idsOf(await takeWaiting(store.db, randomUUID(), 10, t0 + 5_000))))
      .toBeGreaterThan(0);
    expect(taken).toEqual([manual]);
    expect(await runsOf(store.db, task.uid)).toMatchObject([
      { status: 'succeeded' },
      { status: 'pending', overlap_slot: 1 },
      { status: 'running', overlap_slot: 0 },
    ]);
  });

  test.skipIf(noPostgres)('never gives the same run to two takers, and waits for no other taker', async () => {
    const task = await makeTask(store.db, 'takers', { overlap: 'allow' });
    const ids = Array.from({ length: 300 }, () => runIdAt(t0));
    for (const id of ids) await plantRun(store.db, { id, uid: task.uid, status: 'pending' });
    const first = await store.database.pool.connect();
    await first.query('begin');
    const held = idsOf(await takeWaiting(first, randomUUID(), 50, t0));
    const takers = Array.from({ length: 6 }, async () => {
      const mine: string[] = [];
      for (;;) {
        const taken = idsOf(await takeWaiting(store.db, randomUUID(), 7, t0));
        if (taken.length === 0) return mine;
        mine.push(...taken);
      }
    });
    const taken = (await Promise.all(takers)).flat();
    await first.query('commit');
    first.release();
    expect([...held, ...taken].sort()).toEqual(ids.sort());
  });
});

describe('a run asked for by hand', () => {
  const trigger = (task: Pick<Task, 'uid'>, kind: 'manual' | 'retry' = 'manual') =>
    insertManualRun(store.db, { ...asked, runId: runIdAt(t0), taskUid: task.uid, trigger: kind }, author, t0);
  const states = async (task: Task) =>
    (await runsOf(store.db, task.uid)).map(({ status, overlap_slot }) => [status, overlap_slot]);

  test('waits to be taken, with the effective_due_at of its task, and leaves an event', async () => {
    const task = await makeTask(store.db, 'manual', { priority: 9, retry: { maxAttempts: 3 } });
    const runId = runIdAt(t0 + 7);
    const run = { ...asked, runId, taskUid: task.uid, trigger: 'retry' as const };
    expect(await insertManualRun(store.db, run, { ...author, actor: 'eve', requestId: 'r-1' }, t0 + 7)).toEqual({
      status: 'pending',
    });
    expect(await readRun(store.db, runId)).toMatchObject({
      trigger: 'retry',
      status: 'pending',
      scheduled_for: new Date(t0 + 7),
      effective_due_at: new Date(t0 + 7 - 90_000),
      max_attempts: 3,
      attempt: 0,
      overlap_slot: 0,
    });
    const { rows } = await store.db.query(
      `select type, actor, request_id, data as changes from events where task_uid = $1 and type = 'triggered'`,
      [task.uid],
    );
    expect(rows).toEqual([
      { type: 'triggered', actor: 'eve', request_id: 'r-1', changes: { runId, trigger: 'retry' } },
    ]);
  });

  test.each([
    ['allow', [null, null, null], ['pending', 'pending', 'pending']],
    ['skip', [0, null, null], ['pending', 'skipped', 'skipped']],
    ['queue', [0, 1, null], ['pending', 'pending', 'skipped']],
    ['replace', [0, 1, null], ['pending', 'pending', 'skipped']],
  ] as const)('thrice in a row finds its place under overlap %s', async (overlap, overlap_slots, statuses) => {
    const task = await makeTask(store.db, `manual-${overlap}`, { overlap });
    for (const status of statuses) expect(await trigger(task)).toEqual({ status });
    expect(await states(task)).toEqual(statuses.map((status, place) => [status, overlap_slots[place]]));
    const { rows } = await store.db.query(
      `select from runs where status = 'skipped' and (finished_at is null or reason <> 'overlap')`,
    );
    expect(rows).toEqual([]);
  });

  test('works for a stopped task, but not for a deleted one or none', async () => {
    const task = await makeTask(store.db, 'manual-stopped', { status: 'stopped' });
    expect(await trigger(task)).toEqual({ status: 'pending' });
    await deleteTask(store.db, defaultNamespace, task.id, null, author, t0);
    expect(await trigger(task)).toBeNull();
    expect(await trigger({ uid: 999_999 })).toBeNull();
    const { rows } = await store.db.query('select from events where task_uid = 999999');
    expect(rows).toEqual([]);
  });
});

test('what a lost answer to a claim left behind is found by its owner, and by no one else', async () => {
  const tasks = await makeTasks(store.db, ['left-1', 'left-2', 'left-3'], { overlap: 'allow' });
  const me = claimer();
  const due = tasks.map((task) => dueOf(task, 0));
  await claimOccurrences(store.db, due.slice(0, 2), me, false);
  await claimOccurrences(store.db, due.slice(2), claimer(), false);
  const over = due[0] as Due;
  await finish(over.runId);
  const found = await takeUnconfirmed(store.db, me.owner as string, idsOf(due));
  expect(found).toMatchObject([{ runId: due[1]?.runId, attempt: 1, snapshot: { taskId: 'left-2' } }]);
});

test('a run that was taken to be tried again has begun: no lost answer to a claim is made of it', async () => {
  const tasks = await makeTasks(store.db, ['tried-1', 'tried-2'], { overlap: 'allow', retry: { maxAttempts: 3 } });
  const due = tasks.map((task) => dueOf(task, 0));
  const me = claimer();
  // Somebody else claimed the first and it is to be tried again; the second was only written down.
  await claimOccurrences(store.db, due.slice(0, 1), claimer(), false);
  await store.db.query(`update runs set status = 'retrying', due_at = $2 where id = $1`, [due[0]?.runId, new Date(t0)]);
  await claimOccurrences(store.db, due.slice(1), { ...me, owner: null }, false);
  expect(await takeWaiting(store.db, me.owner as string, 9, t0 + 60_000)).toHaveLength(2);
  expect(await takeUnconfirmed(store.db, me.owner as string, idsOf(due))).toEqual([]);
});
