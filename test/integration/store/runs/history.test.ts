import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { isOver, type RunStatus, runStatuses, triggers } from '../../../../src/domain/run/run.ts';
import { instantOfRunId, timeOrderedId } from '../../../../src/domain/schedule/occurrence.ts';
import { cancelRequests, cancelRun, cancelRunsOf } from '../../../../src/store/runs/completing/cancelling.ts';
import { deleteOldRuns, findRun, lastRuns, uidsOf } from '../../../../src/store/runs/history.ts';
import { listRuns, type RunFilter } from '../../../../src/store/runs/pages.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { deleteTask } from '../../../../src/store/tasks/tasks.ts';
import {
  author,
  countAll,
  makeTask,
  makeTasks,
  openStore,
  plantRun,
  readRun,
  runIds,
  type Store,
  t0,
} from '../store.ts';

let store: Store;
let tasks: [Task, Task, Task];
beforeAll(async () => {
  store = await openStore();
  tasks = (await makeTasks(store.db, ['a', 'b', 'c'])) as [Task, Task, Task];
});
beforeEach(() => store.db.query('truncate runs'));

const all: RunFilter = {
  namespace: defaultNamespace,
  taskId: null,
  statuses: [],
  triggers: [],
  from: null,
  to: null,
  before: null,
  limit: 100,
};
const list = async (filter: Partial<RunFilter> = {}) =>
  (await listRuns(store.database, { ...all, ...filter })).map(({ id }) => id);

/** One run of the task at so many seconds after `t0`. */
async function plant(task: Task, second: number, run: Partial<Parameters<typeof plantRun>[1]> = {}): Promise<string> {
  const at = t0 + second * 1_000;
  const id = runIds.of(task.uid, at);
  await plantRun(store.db, { id, uid: task.uid, at, status: 'succeeded', finished_at: new Date(at), ...run });
  return id;
}

describe('cancelling a run', () => {
  const owner = randomUUID();

  test.each(runStatuses)('that is %s', async (status) => {
    const overlap_slot = isOver(status) ? null : 0;
    const id = await plant(tasks[0], 0, { status, overlap_slot, owner, attempt: 1, finished_at: null });
    const before = await readRun(store.db, id);
    const answer = await cancelRun(store.db, id, author, t0 + 9);
    const after = await readRun(store.db, id);
    if (isOver(status)) {
      expect(answer).toEqual({ result: 'over', owner: null });
      expect(after).toEqual(before);
    } else if (status === 'running') {
      expect(answer).toEqual({ result: 'asked', owner });
      expect(after).toEqual({ ...before, cancel_requested: true, reason: 'cancelled by tester' });
      expect(await cancelRequests(store.db, owner)).toEqual([{ runId: id, reason: 'cancelled by tester' }]);
      expect(await cancelRequests(store.db, randomUUID())).toEqual([]);
    } else {
      expect(answer).toMatchObject({ result: 'cancelled' });
      expect(after).toMatchObject({
        status: 'cancelled',
        finished_at: new Date(t0 + 9),
        overlap_slot: null,
        reason: 'cancelled by tester',
        error_kind: 'cancelled',
      });
      expect(await cancelRequests(store.db, owner)).toEqual([]);
    }
  });

  test('that does not exist finds nothing', async () => {
    expect(await cancelRun(store.db, randomUUID(), author, t0)).toBeNull();
  });

  test.each(['pending', 'all'] as const)(
    'of a task with "%s" leaves other tasks and what is over alone',
    async (which) => {
      const ids = new Map<RunStatus, string>();
      for (const [second, status] of runStatuses.entries())
        ids.set(status, await plant(tasks[0], second, { status, finished_at: null }));
      const other = await plant(tasks[1], 0, { status: 'pending', finished_at: null });
      // Somebody has started it again in between: then a stop has nothing to say any more.
      const nobody = { cancelled: 0, aborting: 0 };
      expect(await cancelRunsOf(store.db, tasks[0].uid, which, 'stopped', t0)).toEqual(nobody);
      await store.db.query(`update tasks set status = 'stopped' where uid = $1`, [tasks[0].uid]);
      onTestFinished(() => void store.db.query(`update tasks set status = 'active' where uid = $1`, [tasks[0].uid]));
      expect(await cancelRunsOf(store.db, tasks[0].uid, which, 'stopped', t0)).toEqual({
        cancelled: 2,
        aborting: which === 'all' ? 1 : 0,
      });
      for (const [status, id] of ids) {
        const run = await readRun(store.db, id);
        const waits = status === 'pending' || status === 'retrying';
        expect(run.status).toBe(waits ? 'cancelled' : status);
        expect(run.cancel_requested).toBe(status === 'running' && which === 'all');
        if (waits) expect(run).toMatchObject({ reason: 'stopped', error_kind: 'cancelled', finished_at: new Date(t0) });
      }
      expect((await readRun(store.db, other)).status).toBe('pending');
    },
  );
});

describe('deleting old runs', () => {
  beforeAll(() => countAll(store.db));
  const count = async (task: Task) =>
    (await listRuns(store.database, { ...all, taskId: task.id, limit: 1_000 })).length;

  test('goes in small batches from the oldest on, and always keeps the newest run of a task', async () => {
    for (let second = 0; second < 10; second++) await plant(tasks[0], second);
    for (let second = 0; second < 3; second++) await plant(tasks[1], second);
    const young = await plant(tasks[2], 100);
    const before = t0 + 50_000;
    const first = await deleteOldRuns(store.db, before, null, 4);
    expect(first).toMatchObject({ deleted: 4, next: expect.any(String) });
    expect([await count(tasks[0]), await count(tasks[1])]).toEqual([8, 1]);
    expect(await deleteOldRuns(store.db, before, first.next, 100)).toEqual({ deleted: 7, next: null });
    expect(await deleteOldRuns(store.db, before, null, 100)).toEqual({ deleted: 0, next: null });
    expect((await list()).map(instantOfRunId)).toEqual([t0 + 100_000, t0 + 9_000, t0 + 2_000]);
    expect(await list({ taskId: 'c' })).toEqual([young]);
  });

  test('spares what is still live, or was over only lately, however long ago it was due', async () => {
    await plant(tasks[0], 0, { status: 'running', finished_at: null });
    await plant(tasks[0], 1, { status: 'pending', finished_at: null });
    await plant(tasks[0], 2, { finished_at: new Date(t0 + 60_000) });
    await plant(tasks[0], 3);
    await plant(tasks[0], 4);
    expect(await deleteOldRuns(store.db, t0 + 50_000, null, 100)).toMatchObject({ deleted: 1 });
    expect(await list()).toHaveLength(4);
  });
});

describe('the list of runs', () => {
  test('shows exactly what all filters let through, newest first', async () => {
    const planted: { id: string; task: Task; status: RunStatus; trigger: (typeof triggers)[number]; at: number }[] = [];
    for (const [place, status] of runStatuses.entries())
      for (const [number, trigger] of triggers.entries()) {
        const task = tasks[(place + number) % 3] as Task;
        const second = place * 4 + number;
        planted.push({
          id: await plant(task, second, { status, trigger }),
          task,
          status,
          trigger,
          at: t0 + second * 1_000,
        });
      }
    const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 2 });
    await fc.assert(
      fc.asyncProperty(
        orNull(fc.constantFrom(...tasks)),
        fc.subarray([...runStatuses]),
        fc.subarray([...triggers]),
        orNull(fc.integer({ min: -2_000, max: 38_000 })),
        orNull(fc.integer({ min: -2_000, max: 38_000 })),
        fc.integer({ min: 1, max: 40 }),
        async (task, statuses, wantedTriggers, from, to, limit) => {
          const expected = planted
            .filter((run) => task === null || run.task === task)
            .filter((run) => statuses.length === 0 || statuses.includes(run.status))
            .filter((run) => wantedTriggers.length === 0 || wantedTriggers.includes(run.trigger))
            .filter((run) => from === null || run.at >= t0 + from)
            .filter((run) => to === null || run.at < t0 + to)
            .map(({ id }) => id)
            .sort()
            .reverse();
          const filter = {
            taskId: task?.id ?? null,
            statuses,
            triggers: wantedTriggers,
            from: from === null ? null : t0 + from,
            to: to === null ? null : t0 + to,
          };
          expect(await list({ ...filter, limit })).toEqual(expected.slice(0, limit));
          const before = expected[Math.floor(expected.length / 2)];
          if (before) expect(await list({ ...filter, before })).toEqual(expected.slice(expected.indexOf(before) + 1));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('read page by page while runs come in shows every run that was there throughout, once', async () => {
    const there: string[] = [];
    for (let second = 0; second < 40; second++) there.push(await plant(tasks[second % 3] as Task, 2 * second));
    const seen: string[] = [];
    for (let turn = 0; ; turn++) {
      const page = await list({ before: seen.at(-1) ?? null, limit: 7 });
      seen.push(...page);
      if (page.length < 7) break;
      // One newer than all, one in the middle of what is still to come.
      await plant(tasks[0], 1_000 + turn);
      await plant(tasks[0], 2 * turn + 1);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual([...seen].sort().reverse());
    expect(seen.filter((id) => there.includes(id)).sort()).toEqual(there.sort());
  });

  test('finds the runs of every task that had the id, deleted or not', async () => {
    const first = await makeTask(store.db, 'reborn');
    await deleteTask(store.db, defaultNamespace, 'reborn', null, author, t0);
    const old = await plant(first, 0);
    const second = await makeTask(store.db, 'reborn');
    const young = await plant(second, 1);
    expect(await list({ taskId: 'reborn' })).toEqual([young, old]);
    expect(await uidsOf(store.database, defaultNamespace, 'reborn')).toEqual([second.uid, first.uid]);
    expect(await list({ taskId: 'never-was' })).toEqual([]);
    expect(await findRun(store.database, old)).toMatchObject({ id: old, taskId: 'reborn', taskUid: first.uid });
    expect(await findRun(store.database, randomUUID())).toBeNull();
  });
});

test('the last run of each task is the newest by its instant, manual ones included', async () => {
  await plant(tasks[0], 5);
  const manual = timeOrderedId(t0 + 6_000, (bytes) => bytes.fill(1));
  await plantRun(store.db, { id: manual, uid: tasks[0].uid, status: 'running', trigger: 'manual', at: t0 + 6_000 });
  const skipped = await plant(tasks[1], 1, { status: 'skipped' });
  const last = await lastRuns(
    store.db,
    tasks.map(({ uid }) => uid),
  );
  expect(last).toEqual(
    new Map([
      [tasks[0].uid, { id: manual, status: 'running', scheduledFor: new Date(t0 + 6_000), finishedAt: null }],
      [
        tasks[1].uid,
        { id: skipped, status: 'skipped', scheduledFor: new Date(t0 + 1_000), finishedAt: new Date(t0 + 1_000) },
      ],
    ]),
  );
  expect(await lastRuns(store.db, [])).toEqual(new Map());
});
