import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { timeOrderedId } from '../../../../src/domain/schedule/occurrence.ts';
import { endChecks, takeChecks } from '../../../../src/store/runs/claiming/checks.ts';
import { claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { insertManualRun, takeWaiting as take } from '../../../../src/store/runs/claiming/dispatch.ts';
import { recordOverlaps } from '../../../../src/store/runs/claiming/overlaps.ts';
import { cancelRunsOf } from '../../../../src/store/runs/completing/cancelling.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { deleteTask, updateTask } from '../../../../src/store/tasks/tasks.ts';
import { noPostgres } from '../../../services/provided.ts';
import {
  asked,
  author,
  dueOf,
  makeTask,
  openStore,
  type RunRow,
  readRun,
  redact,
  runsOf,
  type Store,
  t0,
} from '../store.ts';

const takeWaiting = async (...given: Parameters<typeof take>) => (await take(...given)).runs;

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
beforeEach(() => store.db.query('truncate runs'));

let random = 0;
const runIdAt = (instant: number) =>
  timeOrderedId(instant, (bytes) => new DataView(bytes.buffer).setUint32(5, ++random));
const hook = { url: 'http://127.0.0.1:9/before', headers: {}, timeout: '1m30s', onError: 'skip' as const };
const before = { hooks: { before: { ...hook, timeout: '30s' } } };
const checkDue = async (id: string) =>
  ((await readRun(store.db, id)) as RunRow & { check_due: Date | null }).check_due?.getTime() ?? null;

/** A run by hand of a task whose runs are checked. */
async function waitingRun(task: Pick<Task, 'uid'>, at = t0): Promise<string> {
  const runId = runIdAt(at);
  await insertManualRun(store.db, { ...asked, runId, taskUid: task.uid, trigger: 'manual' }, author, at);
  return runId;
}
const goesOn = (runId: string, until: number) => ({ runId, until, askAgainAt: null, skipReason: null });

describe('runs that wait for their check', () => {
  test('are given with what is asked, and left to others a little after the timeout of the hook', async () => {
    const task = await makeTask(store.db, 'asked', before);
    const runId = await waitingRun(task);
    expect(await takeWaiting(store.db, randomUUID(), 10, t0)).toEqual([]);
    expect(await takeChecks(store.db, 10, t0 - 1)).toEqual([]);
    expect(await takeChecks(store.db, 10, t0)).toEqual([
      {
        runId,
        namespace: 'default',
        taskId: 'asked',
        scheduledFor: t0,
        trigger: 'manual',
        hook: { ...hook, timeout: '30s' },
        signing: null,
        until: t0 + 35_000,
      },
    ]);
    expect(await takeChecks(store.db, 10, t0 + 34_999)).toEqual([]);
    expect(await takeChecks(store.db, 10, t0 + 35_000)).toHaveLength(1);
  });

  test('are those of scheduled occurrences too, and by effective_due_at', async () => {
    const late = await makeTask(store.db, 'rank-late', { ...before, overlap: 'allow' });
    const urgent = await makeTask(store.db, 'rank-urgent', { ...before, overlap: 'allow', priority: 9 });
    const claimer = { owner: randomUUID(), now: t0, trigger: 'schedule' as const };
    const claims = await claimOccurrences(store.db, [dueOf(late, 0), dueOf(late, 1)], claimer, false);
    expect(claims.map(({ won, waits }) => [won, waits])).toEqual([
      [true, true],
      [true, true],
    ]);
    const urgentRun = await waitingRun(urgent, t0 + 2_000);
    const next = async () => (await takeChecks(store.db, 1, t0 + 5_000)).map(({ runId }) => runId);
    expect([await next(), await next(), await next(), await next()]).toEqual([
      [urgentRun],
      [dueOf(late, 0).runId],
      [dueOf(late, 1).runId],
      [],
    ]);
  });

  test('start when the hook lets them, and only then', async () => {
    const task = await makeTask(store.db, 'passed', before);
    const runId = await waitingRun(task);
    const [check] = await takeChecks(store.db, 10, t0);
    const until = check?.until ?? 0;
    // Somebody who asked before has no say.
    expect(await endChecks(store.db, [goesOn(runId, until - 1)], t0)).toEqual(new Set());
    expect(await takeWaiting(store.db, randomUUID(), 10, t0)).toEqual([]);
    expect(await endChecks(store.db, [goesOn(runId, until)], t0)).toEqual(new Set([runId]));
    expect(await checkDue(runId)).toBeNull();
    expect(await takeChecks(store.db, 10, until)).toEqual([]);
    expect(await takeWaiting(store.db, randomUUID(), 10, t0)).toMatchObject([{ runId, attempt: 1 }]);
    // Nor has anybody once it runs.
    const skip = { runId, until, askAgainAt: null, skipReason: 'late' };
    expect(await endChecks(store.db, [skip], t0)).toEqual(new Set());
    expect(await readRun(store.db, runId)).toMatchObject({ status: 'running', reason: null });
  });

  test('are skipped with the reason, and leave their overlap_slot to the next', async () => {
    const task = await makeTask(store.db, 'skipped', { ...before, overlap: 'queue' });
    const [first, second] = [await waitingRun(task), await waitingRun(task, t0 + 1)];
    const [check] = await takeChecks(store.db, 10, t0 + 1);
    // Only what is next is asked about: the answer shall be fresh.
    expect(check?.runId).toBe(first);
    expect(await takeChecks(store.db, 10, t0 + 1)).toEqual([]);
    const skip = { runId: first, until: check?.until ?? 0, askAgainAt: null, skipReason: 'closed today' };
    expect(await endChecks(store.db, [skip], t0 + 700)).toEqual(new Set([first]));
    expect(await readRun(store.db, first)).toMatchObject({
      status: 'skipped',
      reason: 'closed today',
      overlap_slot: null,
      finished_at: new Date(t0 + 700),
      attempt: 0,
    });
    expect((await takeChecks(store.db, 10, t0 + 701)).map(({ runId }) => runId)).toEqual([second]);
  });

  test('in line are asked about one after the other', async () => {
    const task = await makeTask(store.db, 'line', before);
    const claimer = { owner: null, now: t0, trigger: 'catch_up' as const };
    await claimOccurrences(
      store.db,
      [0, 1, 2].map((second) => dueOf(task, second)),
      claimer,
      false,
    );
    for (const second of [0, 1, 2]) {
      const checks = await takeChecks(store.db, 10, t0 + 9_000);
      expect(checks.map(({ runId }) => runId)).toEqual([dueOf(task, second).runId]);
      const [check] = checks;
      await endChecks(store.db, [goesOn(check?.runId ?? '', check?.until ?? 0)], t0 + 9_000);
      expect(await takeChecks(store.db, 10, t0 + 9_000)).toEqual([]);
      const [run] = await takeWaiting(store.db, randomUUID(), 10, t0 + 9_000);
      expect(run?.runId).toBe(check?.runId);
      expect(await takeChecks(store.db, 10, t0 + 9_000)).toEqual([]);
      await store.db.query(
        `update runs set status = 'succeeded', overlap_slot = null, finished_at = now() where id = $1`,
        [run?.runId],
      );
    }
  });

  test('that were put back are asked about at their time', async () => {
    const task = await makeTask(store.db, 'again', before);
    const runId = await waitingRun(task);
    const [check] = await takeChecks(store.db, 10, t0);
    await endChecks(store.db, [{ ...goesOn(runId, check?.until ?? 0), askAgainAt: t0 + 500 }], t0);
    expect(await takeChecks(store.db, 10, t0 + 499)).toEqual([]);
    expect(await takeWaiting(store.db, randomUUID(), 10, t0 + 500)).toEqual([]);
    expect(await takeChecks(store.db, 10, t0 + 500)).toHaveLength(1);
  });

  test('that are cancelled meanwhile stay so, whatever the hook says', async () => {
    const task = await makeTask(store.db, 'cancelled', before);
    const runId = await waitingRun(task);
    const [check] = await takeChecks(store.db, 10, t0);
    await store.db.query(`update tasks set status = 'stopped' where uid = $1`, [task.uid]);
    await cancelRunsOf(store.db, task.uid, 'pending', 'task stopped', t0);
    expect(await endChecks(store.db, [goesOn(runId, check?.until ?? 0)], t0)).toEqual(new Set());
    expect(await takeWaiting(store.db, randomUUID(), 10, t0)).toEqual([]);
    expect(await readRun(store.db, runId)).toMatchObject({ status: 'cancelled', reason: 'task stopped' });
    expect(await takeChecks(store.db, 10, t0 + 60_000)).toEqual([]);
  });

  test('of a task that has the hook no more have nobody to ask', async () => {
    const task = await makeTask(store.db, 'unhooked', { ...before, overlap: 'allow' });
    const runId = await waitingRun(task);
    const change = {
      redact,
      type: 'updated' as const,
      definition: { ...task.definition, hooks: null },
      activeFrom: null,
    };
    await updateTask(store.db, task, change, author, t0);
    expect(await takeChecks(store.db, 10, t0)).toMatchObject([{ runId, hook: null, until: t0 + 5_000 }]);
    // Of one that is deleted the row is still there.
    const other = await makeTask(store.db, 'deleted', before);
    const left = await waitingRun(other);
    await deleteTask(store.db, defaultNamespace, 'deleted', null, author, t0);
    expect(await takeChecks(store.db, 10, t0)).toMatchObject([{ runId: left, hook: { timeout: '30s' } }]);
  });

  test('do not overlap what already waits: an occurrence behind one is recorded as ever', async () => {
    const task = await makeTask(store.db, 'overlapping', before);
    const first = await waitingRun(task);
    const claimer = { owner: randomUUID(), now: t0, trigger: 'schedule' as const };
    expect(await claimOccurrences(store.db, [dueOf(task, 1)], claimer, false)).toMatchObject([{ won: false }]);
    await recordOverlaps(store.db, [dueOf(task, 1)], claimer);
    expect((await runsOf(store.db, task.uid)).map(({ id, status }) => [id, status])).toEqual([
      [first, 'pending'],
      [dueOf(task, 1).runId, 'skipped'],
    ]);
  });

  test.skipIf(noPostgres)('are asked about by one of many askers, who wait for no one', async () => {
    const task = await makeTask(store.db, 'askers', { ...before, overlap: 'allow' });
    const ids: string[] = [];
    for (let run = 0; run < 100; run++) ids.push(await waitingRun(task));
    const first = await store.database.pool.connect();
    await first.query('begin');
    const held = (await takeChecks(first, 20, t0)).map(({ runId }) => runId);
    const askers = Array.from({ length: 5 }, async () => {
      const mine: string[] = [];
      for (;;) {
        const taken = await takeChecks(store.db, 7, t0);
        if (taken.length === 0) return mine;
        mine.push(...taken.map(({ runId }) => runId));
      }
    });
    const taken = (await Promise.all(askers)).flat();
    await first.query('commit');
    first.release();
    expect([...held, ...taken].sort()).toEqual(ids.sort());
  });
});
