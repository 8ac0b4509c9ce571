import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { timeOrderedId } from '../../../../src/domain/schedule/occurrence.ts';
import type { TaskInput } from '../../../../src/domain/task/task.ts';
import { takeLimited } from '../../../../src/store/limits/limits.ts';
import { forgetGroups } from '../../../../src/store/limits/state.ts';
import { countLimited, heldByQuota } from '../../../../src/store/limits/waiting.ts';
import { inTransaction } from '../../../../src/store/postgres/database.ts';
import { claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { insertManualRun, takeWaiting } from '../../../../src/store/runs/claiming/dispatch.ts';
import { followQuota, namespacesToFollow } from '../../../../src/store/tasks/follow-quota.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { insertTasks, updateTask } from '../../../../src/store/tasks/tasks.ts';
import { outlast } from '../../../outlast.ts';
import { poll } from '../../../poll.ts';
import { noPostgres } from '../../../services/provided.ts';
import { asked, author, dueOf, makeTask, openStore, readRun, redact, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
beforeEach(async () => {
  await store.db.query('truncate runs, limit_keys, limits, tasks, events');
  await setQuotas({});
});

/** Sets the quotas of the namespace `default`, and makes them hold. */
async function setQuotas(quotas: object): Promise<void> {
  await writeQuotas(quotas);
  await follow();
}
const writeQuotas = (quotas: object) =>
  store.db.query(`update namespaces set quotas = $1 where id = 'default'`, [quotas]);
const follow = () => followQuota(store.database, 'default', () => outlast(Date.now() + 2));

let random = 0;
const runIdAt = (instant: number) =>
  timeOrderedId(instant, (bytes) => new DataView(bytes.buffer).setUint32(5, ++random));
const take = async (limit = 100) => {
  const { runs } = await takeLimited(store.database, randomUUID(), limit, () => t0);
  return runs.map(({ runId }) => runId);
};
const takePlain = async () => {
  const { runs } = await takeWaiting(store.db, randomUUID(), 100, t0);
  return runs.map(({ runId }) => runId);
};
const finish = (...ids: string[]) =>
  store.db.query(`update runs set status = 'succeeded', overlap_slot = null, finished_at = now() where id = any($1)`, [
    ids,
  ]);
const make = (id: string, input: Partial<TaskInput> = {}) =>
  makeTask(store.db, id, { overlap: 'allow', priority: 0, ...input });

async function ask({ uid }: Pick<Task, 'uid'>, count = 1, from = t0 - 1_000): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, place) => runIdAt(from + place));
  for (const [place, runId] of ids.entries())
    await insertManualRun(store.db, { ...asked, runId, taskUid: uid, trigger: 'manual' }, author, from + place);
  return ids;
}

describe('a quota of runs at once', () => {
  test('lets so many runs of all tasks of the namespace run, in their order, and others as these end', async () => {
    await setQuotas({ concurrentRuns: 3 });
    const [a, b] = [await make('a'), await make('b', { concurrency: { key: 'k', limit: 1 } })];
    const first = await ask(a, 2, t0 - 9_000);
    const [second, blocked] = await ask(b, 2, t0 - 5_000);
    const last = await ask(a, 2, t0 - 1_000);
    expect(await takePlain()).toEqual([]);
    // The second run of "b" waits at its own key and holds up nobody.
    expect(await take()).toEqual([...first, second]);
    expect(await take()).toEqual([]);
    await finish(first[0] as string);
    expect(await take()).toEqual([last[0]]);
    await finish(second as string);
    expect(await take()).toEqual([blocked]);
    expect(await countLimited(store.db, t0)).toMatchObject({ namespace: 1, concurrency: 0 });
  });

  test('is read at each decision: another number rewrites no task and no run', async () => {
    await setQuotas({ concurrentRuns: 1 });
    const runs = await ask(await make('number'), 4);
    const rows = async () => (await store.db.query('select xmin, version, limit_group from tasks')).rows;
    const before = await rows();
    expect(await take()).toEqual([runs[0]]);
    await setQuotas({ concurrentRuns: 3 });
    expect(await take()).toEqual([runs[1], runs[2]]);
    await setQuotas({ concurrentRuns: 0 });
    await finish(...runs.slice(0, 3));
    expect(await take()).toEqual([]);
    expect(await rows()).toEqual(before);
  });

  test('takes in the tasks, the waiting and the running runs that are there, and lets go of them', async () => {
    const plain = await make('plain');
    const keyed = await make('keyed', { concurrency: { key: 'k', limit: 5 } });
    const [running] = await ask(plain, 1, t0 - 9_000);
    const [other] = await ask(keyed, 1, t0 - 8_000);
    expect([await takePlain(), await take()]).toEqual([[running], [other]]);
    const waiting = [...(await ask(plain, 1, t0 - 7_000)), ...(await ask(keyed, 1, t0 - 6_000))];
    await setQuotas({ concurrentRuns: 3 });
    expect(await takePlain()).toEqual([]);
    expect(await take()).toEqual([waiting[0]]);
    await setQuotas({});
    expect(await takePlain()).toEqual([]);
    // The key of the task counts the runs of both times.
    await ask(keyed, 9, t0 - 5_000);
    expect(await take()).toHaveLength(4);
    const { rows } = await store.db.query(`select limit_group is null as plain from runs where id = $1`, [running]);
    expect(rows).toEqual([{ plain: true }]);
    expect(await namespacesToFollow(store.db)).toEqual([]);
  });

  test('counts the runs of tasks that are made, changed or claimed under it', async () => {
    await setQuotas({ concurrentRuns: 1 });
    const task = await make('later');
    const claimer = { owner: randomUUID(), now: t0, trigger: 'schedule' as const };
    const due = dueOf(task, 0);
    expect(await claimOccurrences(store.db, [due], claimer, false)).toMatchObject([{ won: true, waits: true }]);
    const change = { type: 'updated' as const, activeFrom: null, redact };
    const definition = { ...task.definition, concurrency: { key: 'x', limit: 9 } };
    await updateTask(store.db, task, { ...change, definition }, author, t0);
    await ask(task);
    // Both are in the new group, and one may run.
    expect(await take()).toHaveLength(1);
    expect(await take()).toEqual([]);
    expect(await takePlain()).toEqual([]);
  });

  test.skipIf(noPostgres)('waits for creations and claims that could not see it, and then takes these in', async () => {
    const old = await make('old');
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { runId } = dueOf(old, 0);
    const transaction = inTransaction(store.database, async (db) => {
      const definition = { ...old.definition, name: 'new' };
      const [made] = await insertTasks(
        db,
        [{ namespace: 'default', id: 'new', definition, activeFrom: t0, author }],
        t0,
      );
      const claimer = { owner: randomUUID(), now: t0, trigger: 'schedule' as const };
      await claimOccurrences(db, [dueOf(old, 0)], claimer, false);
      open();
      await ended;
      return made as Task;
    });
    await opened;
    await writeQuotas({ concurrentRuns: 1 });
    let isFollowed = false;
    const followed = follow().then(() => {
      isFollowed = true;
    });
    // Nothing of it can be seen to wait in the database: it looks, and looks again.
    await outlast(Date.now() + 50);
    expect(isFollowed).toBe(false);
    end();
    const made = await transaction;
    await followed;
    await ask(made);
    expect(await takePlain()).toEqual([]);
    expect(await take()).toEqual([]);
    await finish(runId);
    expect(await take()).toHaveLength(1);
  });

  test.skipIf(noPostgres)('takes in the run of a claim that could not see the marks', async () => {
    const task = await make('claimed');
    const { runId } = dueOf(task, 0);
    let followed: Promise<void> | null = null;
    await inTransaction(store.database, async (db) => {
      const claimer = { owner: randomUUID(), now: t0, trigger: 'schedule' as const };
      await claimOccurrences(db, [dueOf(task, 0)], claimer, false);
      await writeQuotas({ concurrentRuns: 1 });
      followed = follow();
      const marked = async () => (await store.db.query('select from tasks where in_quota')).rows.length === 1;
      await poll(marked, { what: 'the task to be marked' });
      await outlast(Date.now() + 50);
    });
    await followed;
    await ask(task);
    expect(await take()).toEqual([]);
    await finish(runId);
    expect(await take()).toHaveLength(1);
  });

  test('keeps the keys of the runs that it takes in', async () => {
    const keyed = await make('kept', { concurrency: { key: 'kept', limit: 1 } });
    const [running, waiting] = await ask(keyed, 2);
    expect(await take()).toEqual([running]);
    for (const quotas of [{ concurrentRuns: 5 }, {}]) {
      await setQuotas(quotas);
      await forgetGroups(store.database);
      expect(await take()).toEqual([]);
    }
    await finish(running as string);
    expect(await take()).toEqual([waiting]);
  });

  test('says which runs wait for it, and how many are running', async () => {
    await setQuotas({ concurrentRuns: 2 });
    const [a, queue] = [await make('a'), await make('queue', { overlap: 'queue' })];
    const keyed = await make('keyed', { concurrency: { key: 'k', limit: 1 } });
    const [head, queued] = await ask(queue, 2, t0 - 9_000);
    const [first] = await ask(keyed, 1, t0 - 8_000);
    expect(await take()).toEqual([head, first]);
    const [ownKey] = await ask(keyed, 1, t0 - 7_000);
    const [waiting] = await ask(a, 1, t0 - 6_000);
    const [later] = await ask(a, 1, t0 + 60_000);
    const ids = [head, queued, first, ownKey, waiting, later] as string[];
    expect([...(await heldByQuota(store.db, ids, t0))]).toEqual([[waiting, 2]]);
    await finish(head as string);
    expect([...(await heldByQuota(store.db, ids, t0))]).toEqual([]);
  });

  test('leaves no run behind when its replica died before the runs were taken in', async () => {
    const task = await make('half');
    const runs = await ask(task, 2);
    await store.db.query('update tasks set in_quota = true where uid = $1', [task.uid]);
    await writeQuotas({ concurrentRuns: 1 });
    // They were put in before, as plain runs.
    expect(await takePlain()).toEqual(runs);
    await follow();
    const more = await ask(task, 2);
    expect(await take()).toEqual([]);
    await finish(...runs);
    expect(await take()).toEqual([more[0]]);
    // The quota is gone, and nobody has taken the marks away yet.
    await writeQuotas({});
    expect(await namespacesToFollow(store.db)).toEqual(['default']);
    expect(await take()).toEqual([more[1]]);
    expect((await readRun(store.db, more[1] as string)).status).toBe('running');
  });
});
