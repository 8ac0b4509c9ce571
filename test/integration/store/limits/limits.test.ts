import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { timeOrderedId } from '../../../../src/domain/schedule/occurrence.ts';
import type { TaskInput } from '../../../../src/domain/task/task.ts';
import { limitGroupOf } from '../../../../src/store/limits/groups.ts';
import { type LimitedTake, takeLimited } from '../../../../src/store/limits/limits.ts';
import { forgetGroups, forgetStarts, limitsLock } from '../../../../src/store/limits/state.ts';
import { countLimited } from '../../../../src/store/limits/waiting.ts';
import { inTransaction, type Queryable } from '../../../../src/store/postgres/database.ts';
import { claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { insertManualRun, takeWaiting } from '../../../../src/store/runs/claiming/dispatch.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { insertTasks, updateTask } from '../../../../src/store/tasks/tasks.ts';
import { noPostgres } from '../../../services/provided.ts';
import {
  asked,
  author,
  dueOf,
  makeTask,
  makeTasks,
  openStore,
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
beforeEach(() => store.db.query('truncate runs, limit_keys, limits'));

let random = 0;
const runIdAt = (instant: number) =>
  timeOrderedId(instant, (bytes) => new DataView(bytes.buffer).setUint32(5, ++random));
const idsOf = ({ runs }: LimitedTake) => runs.map(({ runId }) => runId);
const take = (now = t0, limit = 100) => takeLimited(store.database, randomUUID(), limit, () => now);
const finish = (...ids: string[]) =>
  store.db.query(`update runs set status = 'succeeded', overlap_slot = null, finished_at = now() where id = any($1)`, [
    ids,
  ]);

const makeLimited = (id: string, input: Partial<TaskInput>) =>
  makeTask(store.db, id, { overlap: 'allow', priority: 0, ...input });

/** So many waiting runs of the task, asked for one millisecond after the other. */
async function ask({ uid }: Pick<Task, 'uid'>, count = 1, from = t0 - 1_000): Promise<string[]> {
  const ids: string[] = [];
  for (let place = 0; place < count; place++) {
    const runId = runIdAt(from + place);
    await insertManualRun(store.db, { ...asked, runId, taskUid: uid, trigger: 'manual' }, author, from + place);
    ids.push(runId);
  }
  return ids;
}

/** Many waiting runs of the task, past the API. */
const plant = ({ uid }: Pick<Task, 'uid'>, count: number, at = t0 - 1_000) =>
  store.db.query(
    `insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, attempt, max_attempts, created_at, limit_group)
     select gen_random_uuid(), uid, 'manual', 'pending', $2, $2, $2, 0, 1, $2, limit_group from tasks, generate_series(1, $3)
     where uid = $1`,
    [uid, new Date(at).toISOString(), count],
  );

describe('runs with limits', () => {
  test('are left alone by who takes the others, who says that there are some', async () => {
    const plain = await makeTask(store.db, 'plain', { overlap: 'allow' });
    const waiting = () => takeWaiting(store.db, randomUUID(), 10, t0);
    expect(await waiting()).toEqual({ runs: [], limitsWait: false, isShared: false });
    const [limited] = await ask(await makeLimited('limited', { maxConcurrency: 1 }));
    const [id] = await ask(plain);
    expect(await waiting()).toMatchObject({ runs: [{ runId: id }], limitsWait: true });
    expect(await waiting()).toEqual({ runs: [], limitsWait: true, isShared: false });
    await finish(...idsOf(await take()));
    expect((await readRun(store.db, limited as string)).status).toBe('succeeded');
    expect(await waiting()).toEqual({ runs: [], limitsWait: false, isShared: false });
  });

  test('become ours with all that the attempt needs, in the order of their effective due times', async () => {
    const task = await makeLimited('order', { concurrency: { key: 'order', limit: 3 }, timeout: '4s' });
    const urgent = await makeLimited('order-urgent', { concurrency: { key: 'order', limit: 3 }, priority: 1 });
    const [first, second] = await ask(task, 2, t0 - 5_000);
    const [jumped] = await ask(urgent, 1, t0 - 1_000);
    const owner = randomUUID();
    const taken = await takeLimited(store.database, owner, 100, () => t0);
    expect(idsOf(taken)).toEqual([jumped, first, second]);
    expect(taken.waitedMs).toEqual([1_000, 5_000, 4_999]);
    expect(taken.runs[1]).toMatchObject({ uid: task.uid, attempt: 1, trigger: 'manual', firstStartedAt: null });
    expect(taken.runs[1]?.snapshot).toMatchObject({ taskId: 'order', timeoutMs: 4_000 });
    expect(await readRun(store.db, first as string)).toMatchObject({ status: 'running', owner, attempt: 1 });
  });

  test('of several tasks that name one key are held each by its own limit, whoever runs', async () => {
    const two = await makeLimited('two', { maxConcurrency: 9, concurrency: { key: 'shared', limit: 2 } });
    const four = await makeLimited('four', { concurrency: { key: 'shared', limit: 4 } });
    const wide = await ask(four, 3, t0 - 9_000);
    const narrow = await ask(two, 2, t0 - 5_000);
    const last = await ask(four, 3, t0 - 1_000);
    expect(idsOf(await take())).toEqual(wide);
    // Two may start only below two; who comes later waits behind it, though four are allowed to that one.
    await finish(wide[0] as string);
    expect(await take()).toEqual({ runs: [], waitedMs: [], again: null });
    await finish(wide[1] as string);
    expect(idsOf(await take())).toEqual([narrow[0]]);
    await finish(wide[2] as string);
    // Once none waits with the lower limit, the higher counts.
    expect(idsOf(await take())).toEqual([narrow[1], last[0], last[1]]);
    await finish(...narrow);
    expect(idsOf(await take())).toEqual([last[2]]);
  });

  test('keep their place while their target works on by itself', async () => {
    const task = await makeLimited('long', { maxConcurrency: 1 });
    const [working, next] = await ask(task, 2);
    expect(idsOf(await take())).toEqual([working]);
    await store.db.query('update runs set heartbeat_due = $2 where id = $1', [working, new Date(t0 + 60_000)]);
    expect(idsOf(await take())).toEqual([]);
    await store.db.query(`update runs set status = 'succeeded', heartbeat_due = null where id = $1`, [working]);
    expect(idsOf(await take())).toEqual([next]);
  });

  test('give their place free in whatever way they end or pause', async () => {
    const task = await makeLimited('ends', { maxConcurrency: 1, retry: { maxAttempts: 3 } });
    await ask(task, 5);
    for (const status of ['failed', 'cancelled', 'lost', 'retrying']) {
      const [id] = idsOf(await take());
      expect(idsOf(await take())).toEqual([]);
      await store.db.query('update runs set status = $2, due_at = $3, effective_due_at = $3 where id = $1', [
        id,
        status,
        new Date(t0 + 1_000),
      ]);
    }
    const [last] = idsOf(await take());
    await finish(last as string);
    // The next attempt waits for the limits once more, when it is due.
    expect(idsOf(await take(t0 + 999))).toEqual([]);
    expect((await take(t0 + 1_000)).runs).toMatchObject([{ attempt: 2 }]);
  });

  test('begin at most so often in any period, retries included, and it is told when the next may', async () => {
    const task = await makeLimited('rated', { rate: { key: 'api', limit: 3, period: '10s' } });
    const ids = await ask(task, 8);
    expect(idsOf(await take(t0))).toEqual(ids.slice(0, 3));
    await finish(...ids.slice(0, 3));
    expect(await take(t0 + 1)).toEqual({ runs: [], waitedMs: [], again: { at: t0 + 10_000 } });
    expect(await take(t0 + 9_999)).toMatchObject({ runs: [], again: { at: t0 + 10_000 } });
    const again = await take(t0 + 10_000, 2);
    expect(idsOf(again)).toEqual(ids.slice(3, 5));
    expect(again.again).toEqual({ afterMs: 0 });
    await store.db.query(`update runs set status = 'retrying', due_at = $2, effective_due_at = $2 where id = $1`, [
      ids[3],
      new Date(t0 - 9_000),
    ]);
    const third = await take(t0 + 12_000);
    expect(third.runs).toMatchObject([{ runId: ids[3], attempt: 2 }]);
    expect(third.again).toEqual({ at: t0 + 20_000 });
    const { rows } = await store.db.query('select namespace, key, starts, used_at from limits');
    const starts = [0, 0, 0, 10, 10, 12].map((second) => `${t0 + second * 1_000}`);
    expect(rows).toEqual([{ namespace: 'default', key: 'rate:api', starts, used_at: new Date(t0 + 12_000) }]);
  });

  test('share a rate between tasks with limits of their own, however many starts others are told', async () => {
    const often = await makeLimited('often', { rate: { key: 'both', limit: 2, period: '1s' } });
    const seldom = await makeLimited('seldom', { rate: { key: 'both', limit: 6, period: '1m' } });
    await ask(often, 10);
    for (let second = 0; second < 5; second++) expect(idsOf(await take(t0 + second * 1_000))).toHaveLength(2);
    await ask(seldom, 5, t0 + 4_000);
    // Ten have been begun within the minute: six of them have to be older first.
    expect(await take(t0 + 6_000)).toMatchObject({ runs: [], again: { at: t0 + 62_000 } });
    expect(idsOf(await take(t0 + 62_000))).toHaveLength(2);
  });

  test('no more starts are kept than any rate asks about, and none of a rate that is not used any more', async () => {
    const task = await makeLimited('kept', { rate: { key: 'kept', limit: 1_000, period: '1s' } });
    for (const second of [1, 2, 3]) {
      await plant(task, 400);
      expect(idsOf(await take(t0 + second * 1_000, 500))).toHaveLength(400);
    }
    const { rows } = await store.db.query(
      'select cardinality(starts) as count, starts[1] as first, starts[1000] as last from limits',
    );
    expect(rows).toEqual([{ count: 1_000, first: `${t0 + 1_000}`, last: `${t0 + 3_000}` }]);
    await forgetStarts(store.db, t0 + 3_000);
    expect((await store.db.query('select from limits')).rowCount).toBe(1);
    await forgetStarts(store.db, t0 + 3_001);
    expect((await store.db.query('select from limits')).rowCount).toBe(0);
  });

  test('that are held up by a rate occupy nothing, and are counted by what holds them up', async () => {
    const rate = { key: 'slow', limit: 1, period: '1h' };
    const both = await makeLimited('both', { concurrency: { key: 'db', limit: 2 }, rate });
    const other = await makeLimited('other', { concurrency: { key: 'db', limit: 2 } });
    const [first] = await ask(both, 3, t0 - 9_000);
    const others = await ask(other, 2, t0 - 1_000);
    expect(idsOf(await take())).toEqual([first, others[0]]);
    expect(await countLimited(store.db, t0)).toEqual({ task: 0, rate: 2, concurrency: 1, namespace: 0, slot: 0 });
    await finish(first as string);
    expect(await countLimited(store.db, t0)).toEqual({ task: 0, rate: 2, concurrency: 0, namespace: 0, slot: 1 });
    expect(idsOf(await take())).toEqual([others[1]]);
    await store.db.query('truncate runs, limit_keys');
    expect(await countLimited(store.db, t0)).toEqual({ task: 0, rate: 0, concurrency: 0, namespace: 0, slot: 0 });
  });

  test('are not taken before their instant, their check, or their turn in the line of their task', async () => {
    const task = await makeLimited('turns', { overlap: 'queue', concurrency: { key: 'turns', limit: 9 } });
    const [live, queued] = await ask(task, 2);
    await store.db.query('update runs set check_due = $2 where id = $1', [live, new Date(t0)]);
    expect(idsOf(await take())).toEqual([]);
    await store.db.query('update runs set check_due = null where id = $1', [live]);
    expect(idsOf(await take(t0 - 1_001))).toEqual([]);
    expect(idsOf(await take())).toEqual([live]);
    expect(idsOf(await take())).toEqual([]);
    await finish(live as string);
    expect(idsOf(await take())).toEqual([queued]);
    expect(await readRun(store.db, queued as string)).toMatchObject({ overlap_slot: 0, status: 'running' });
    // What is made up for waits in one line, however long.
    await finish(queued as string);
    const due = Array.from({ length: 50 }, (_, place) => dueOf(task, place));
    await claimOccurrences(store.db, due, { owner: null, now: t0, trigger: 'catch_up' }, false);
    for (const { runId } of due.slice(0, 4)) {
      expect(idsOf(await take(t0 + 60_000))).toEqual([runId]);
      expect(idsOf(await take(t0 + 60_000))).toEqual([]);
      await finish(runId);
    }
  });

  test('that wait follow a change of the limits, and those that run still count', async () => {
    const task = await makeLimited('changed', { maxConcurrency: 1 });
    const ids = await ask(task, 5);
    expect(idsOf(await take())).toEqual([ids[0]]);
    const change = async (before: Task, maxConcurrency: number | null) => {
      const definition = { ...before.definition, maxConcurrency };
      const changed = await updateTask(
        store.db,
        before,
        { redact, type: 'updated', definition, activeFrom: null },
        author,
        t0,
      );
      return changed as Task;
    };
    const wider = await change(task, 3);
    expect(idsOf(await take())).toEqual(ids.slice(1, 3));
    expect(idsOf(await take())).toEqual([]);
    await change(wider, null);
    expect(await takeWaiting(store.db, randomUUID(), 10, t0)).toMatchObject({ runs: [{}, {}], limitsWait: false });
  });

  test('are found among very many: in one group, in many groups, and behind those', async () => {
    const named = (kind: string, count: number, input: Partial<TaskInput>) =>
      makeTasks(
        store.db,
        Array.from({ length: count }, (_, place) => `${kind}-${place}`),
        { overlap: 'allow', priority: 0, ...input },
      );
    const [huge] = await named('huge', 1, { concurrency: { key: 'huge', limit: 2 } });
    const tight = await named('tight', 500, { maxConcurrency: 1, concurrency: { key: 'tight', limit: 3 } });
    const own = await named('own', 300, { maxConcurrency: 1 });
    const [last] = await named('last', 1, { concurrency: { key: 'last', limit: 1 } });
    await plant(huge as Task, 10_000, t0 - 9_000);
    for (const task of tight) await plant(task, 1, t0 - 8_000);
    for (const task of own) await plant(task, 2, t0 - 7_000);
    await plant(last as Task, 1, t0 - 6_000);
    const counts = async () => {
      const { rows } = await store.db.query<{ kind: string; count: number }>(
        `select substring(t.id from '^[a-z]+') as kind, count(*)::integer as count
         from runs r join tasks t on t.uid = r.task_uid where r.status = 'running' group by 1`,
      );
      return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
    };
    let taken = await take(t0, 200);
    expect(taken.again).toEqual({ afterMs: 0 });
    taken = await take(t0, 200);
    expect(taken).toMatchObject({ again: null });
    expect(await counts()).toMatchObject({ huge: 2, tight: 3, last: 1, own: 300 });
    await store.db.query(`update runs set status = 'succeeded' where status = 'running'`);
    await take(t0, 500);
    expect(await counts()).toMatchObject({ huge: 2, tight: 3, own: 300 });
  });

  test('are counted by the keys of their group, which is known as long as one of them runs', async () => {
    const shared = { concurrency: { key: 'rows', limit: 9 }, rate: { key: 'rows', limit: 9, period: '1s' } } as const;
    const task = await makeLimited('rows', { maxConcurrency: 2, ...shared });
    const other = await makeLimited('other-rows', shared);
    const [first, second] = await ask(task, 2);
    const [third] = await ask(other);
    await take();
    const keys = async () =>
      (await store.db.query('select limit_group, namespace, key from limit_keys order by key')).rows;
    const rowOf = ({ id, createdAt, definition }: Task, key: string) => {
      const limit_group = limitGroupOf({ namespace: 'default', id, createdAt }, definition);
      return { limit_group, namespace: 'default', key };
    };
    const ofTask = [rowOf(task, 'concurrency:rows'), rowOf(task, `task:${task.uid}`)];
    const known = await keys();
    expect(known).toHaveLength(3);
    expect(known).toEqual(expect.arrayContaining([...ofTask, rowOf(other, 'concurrency:rows')]));
    await finish(first as string, third as string);
    await forgetGroups(store.database);
    expect(await keys()).toEqual(ofTask);
    await finish(second as string);
    await forgetGroups(store.database);
    expect(await keys()).toEqual([]);
  });

  test('are still counted by their old keys after their task was given others', async () => {
    const task = await makeLimited('moved', { concurrency: { key: 'old-key', limit: 1 } });
    const beside = await makeLimited('beside', { concurrency: { key: 'old-key', limit: 1 } });
    const [running] = await ask(task);
    expect(idsOf(await take())).toEqual([running]);
    const definition = { ...task.definition, concurrency: null };
    await updateTask(store.db, task, { redact, type: 'updated', definition, activeFrom: null }, author, t0);
    const [waiting] = await ask(beside);
    expect(idsOf(await take())).toEqual([]);
    await finish(running as string);
    expect(idsOf(await take())).toEqual([waiting]);
  });

  test('cannot start while the keys of a group are being forgotten', async () => {
    const task = await makeLimited('forgotten', { concurrency: { key: 'forgotten', limit: 1 } });
    const [first, second] = await ask(task, 2);
    await take();
    await finish(first as string);
    const { forgetting } = await inTransaction(store.database, async (decision) => {
      await decision.query(`select pg_advisory_xact_lock(${limitsLock})`);
      const forgetting = forgetGroups(store.database);
      await waitForBlocked(store.db, 1);
      // The decision starts the next run of the group, whose keys it finds written down.
      await decision.query(`update runs set status = 'running' where id = $1`, [second]);
      return { forgetting };
    });
    await forgetting;
    expect((await store.db.query('select from limit_keys')).rowCount).toBe(1);
  });

  test('with one key in two namespaces have nothing to do with each other', async () => {
    await store.db.query(`insert into namespaces (id, created_at, updated_at) values ('two', now(), now())`);
    const one = await makeLimited('mine', { concurrency: { key: 'both-spaces', limit: 1 } });
    const [two] = await insertTasks(
      store.db,
      [{ namespace: 'two', id: 'mine', definition: one.definition, activeFrom: t0, author }],
      t0,
    );
    const ids = [...(await ask(one, 2, t0 - 9_000)), ...(await ask(two as Task, 2))];
    expect(idsOf(await take())).toEqual([ids[0], ids[2]]);
  });

  test('put in while the limits of their task were changed follow the new ones', async () => {
    const limited = await makeLimited('late', { maxConcurrency: 1 });
    const shared = { concurrency: { key: 'late', limit: 1 } };
    const [before, after] = [await makeLimited('late-before', shared), await makeLimited('late-after', shared)];
    const [first, second] = [...(await ask(before, 1, t0 - 9_000)), ...(await ask(after, 1))];
    // The change of a task does not see a run that is put in at the same moment.
    await store.db.query('update tasks set limit_group = $2, policies = $3 where uid = $1', [
      before.uid,
      limitGroupOf(before, { maxConcurrency: 1 }),
      { maxConcurrency: 1 },
    ]);
    const [other] = await ask(await makeLimited('late-other', { maxConcurrency: 1 }));
    // The runs of other groups start, and the moved ones are looked at at once.
    expect(await take()).toMatchObject({ runs: [{ runId: other }], again: { afterMs: 0 } });
    expect(idsOf(await take())).toEqual([first, second]);
    await store.db.query('update runs set limit_group = $2 where id = $1', [
      (await ask(await makeLimited('late-plain', {})))[0],
      limitGroupOf(limited, { maxConcurrency: 1 }),
    ]);
    await take();
    expect(await takeWaiting(store.db, randomUUID(), 10, t0)).toMatchObject({ runs: [{}], limitsWait: false });
  });
});

describe.skipIf(noPostgres)('several replicas at once', () => {
  /** Notes when runs begin and end, by the one clock that all of them share. */
  async function watchSteps(db: Queryable) {
    await db.query(`
      create table if not exists steps (place bigint generated always as identity, at timestamptz, id uuid, uid bigint, begins boolean);
      truncate steps;
      create or replace function note_step() returns trigger language plpgsql as $$
      begin
        insert into steps (at, id, uid, begins) values (clock_timestamp(), new.id, new.task_uid, new.status = 'running');
        return new;
      end $$;
      drop trigger if exists steps on runs;
      create trigger steps after update of status on runs for each row
        when (new.status = 'running' or old.status = 'running') execute function note_step()`);
    return async () =>
      (
        await db.query<{ id: string; uid: number; begins: boolean }>(
          'select id, uid::integer, begins from steps order by at',
        )
      ).rows;
  }

  test('never let more through than a limit says, give no run twice, and come to an end without getting stuck', async () => {
    const tasks = await Promise.all([
      makeLimited('race-1', { concurrency: { key: 'race', limit: 3 } }),
      makeLimited('race-2', { maxConcurrency: 2, concurrency: { key: 'race', limit: 3 } }),
      makeLimited('race-3', { maxConcurrency: 4, rate: { key: 'race', limit: 20, period: '1s' } }),
      makeLimited('race-4', {
        concurrency: { key: 'other', limit: 1 },
        rate: { key: 'race', limit: 20, period: '1s' },
      }),
    ]);
    const asked = (await Promise.all(tasks.map((task) => ask(task, 30)))).flat();
    const steps = await watchSteps(store.db);
    let now = t0;
    let left = asked.length;
    const replicas = Array.from({ length: 5 }, async () => {
      for (let pass = 0; left > 0 && pass < 2_000; pass++) {
        const { runs, again } = await takeLimited(store.database, randomUUID(), 3, () => now);
        left -= runs.length;
        if (runs.length > 0) await finish(...runs.map(({ runId }) => runId));
        else if (again && 'at' in again) now = Math.max(now, again.at);
      }
    });
    await Promise.all(replicas);
    const noted = await steps();
    await store.db.query('drop trigger steps on runs');
    expect(
      noted
        .filter(({ begins }) => begins)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(asked.sort());
    for (const [places, limit] of [
      [[0, 1], 3],
      [[3], 1],
      [[1], 2],
      [[2], 4],
    ] as const) {
      const uids = places.map((place) => tasks[place]?.uid);
      let running = 0;
      let most = 0;
      for (const { uid, begins } of noted) {
        if (!uids.includes(uid)) continue;
        running += begins ? 1 : -1;
        most = Math.max(most, running);
      }
      expect(most, String(places)).toBeLessThanOrEqual(limit);
    }
    const { rows } = await store.db.query<{ starts: string[] }>(`select starts from limits where key = 'rate:race'`);
    const starts = rows[0]?.starts.map(Number) as number[];
    expect(starts).toHaveLength(60);
    for (const start of starts)
      expect(starts.filter((other) => other > start - 1_000 && other <= start).length).toBeLessThanOrEqual(20);
  });

  test('do not wait for one that is stuck in the middle of letting runs through', async () => {
    const slow = await makeLimited('stuck', { rate: { key: 'stuck', limit: 5, period: '1s' } });
    const [first, second] = await ask(slow, 2);
    await takeLimited(store.database, randomUUID(), 1, () => t0);
    const rival = await store.database.pool.connect();
    await rival.query('begin');
    await rival.query('select from limits for update');
    const stuck = take();
    await waitForBlocked(store.db, 1);
    expect(await take()).toEqual({ runs: [], waitedMs: [], again: { afterMs: 10 } });
    await rival.query('rollback');
    rival.release();
    expect(idsOf(await stuck)).toEqual([second]);
    expect((await readRun(store.db, first as string)).status).toBe('running');
  });

  test('one that dies in the middle leaves everything as it was', async () => {
    const task = await makeLimited('dies', { maxConcurrency: 1, rate: { key: 'dies', limit: 1, period: '1h' } });
    const [id] = await ask(task, 2);
    await store.db.query(`insert into limits (key) values ('rate:dies')`);
    const rival = await store.database.pool.connect();
    await rival.query('begin');
    await rival.query('select from limits for update');
    const dying = take();
    dying.catch(() => {});
    await waitForBlocked(store.db, 1);
    await store.db.query(`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`);
    await expect(dying).rejects.toThrow();
    await rival.query('rollback');
    rival.release();
    expect((await readRun(store.db, id as string)).status).toBe('pending');
    expect(idsOf(await take())).toEqual([id]);
  });

  test('survive a claim that takes the place a queued run was about to move up to', async () => {
    const task = await makeLimited('slot-race', { overlap: 'queue', concurrency: { key: 'slot', limit: 5 } });
    const other = await makeLimited('slot-race-other', { concurrency: { key: 'slot', limit: 5 } });
    const [live] = await ask(task, 2, t0 - 5_000);
    expect(idsOf(await take())).toEqual([live]);
    await finish(live as string);
    const [free] = await ask(other);
    const rival = await store.database.pool.connect();
    await rival.query('begin');
    await claimOccurrences(rival, [dueOf(task, 2)], { owner: randomUUID(), now: t0, trigger: 'schedule' }, false);
    const taking = take(t0 + 5_000);
    await waitForBlocked(store.db, 1);
    await rival.query('commit');
    rival.release();
    // The run that took the place has limits itself, and waits like any other.
    expect(idsOf(await taking)).toEqual([free, dueOf(task, 2).runId]);
    expect(await runsOf(store.db, task.uid)).toMatchObject([
      { status: 'succeeded' },
      { status: 'pending', overlap_slot: 1 },
      { status: 'running', overlap_slot: 0 },
    ]);
  });
});
