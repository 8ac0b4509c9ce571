import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { noteEvent } from '../../../../src/store/events/events.ts';
import { uidsOf } from '../../../../src/store/runs/history.ts';
import { listTasks, type TaskFilter } from '../../../../src/store/tasks/pages.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import {
  completeTasks,
  deleteTask,
  findTask,
  insertFreeTasks,
  insertTasks,
  updateTask,
} from '../../../../src/store/tasks/tasks.ts';
import { forgetTombstones } from '../../../../src/store/tasks/tombstones.ts';
import { noPostgres } from '../../../services/provided.ts';
import { author, define, makeTask, makeTasks, openStore, plantRun, redact, runIds, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const everything: TaskFilter = {
  namespace: defaultNamespace,
  statuses: [],
  labels: [],
  q: null,
  after: null,
  limit: 1_000,
  withStrip: false,
};
const list = async (filter: Partial<TaskFilter>) =>
  (await listTasks(store.db, { ...everything, ...filter })).items.map(({ id }) => id);
const eventsOf = async ({ uid }: Pick<Task, 'uid'>) =>
  (
    await store.db.query<{ type: string; actor: string }>(
      'select type, actor from events where task_uid = $1 order by id',
      [uid],
    )
  ).rows;

describe('new tasks', () => {
  test('are stored with every field as it was, and read back the same', async () => {
    const definition = define('full', {
      name: 'Full “name”',
      description: 'what\nfor',
      labels: { team: 'ops', 'a.b/c': '' },
      schedule: { cron: '*/5 * * * *', timezone: 'Europe/Berlin' },
      timeout: '1h',
      retry: { maxAttempts: 4, jitter: 0.33, multiplier: 1.5 },
      overlap: 'queue',
      misfire: { policy: 'fire_all', grace: '90s', limit: 3 },
      startsAt: '2031-05-01T00:00:00.123Z',
      endsAt: '2032-05-01T00:00:00Z',
      maxRuns: 7,
      jitter: '250ms',
      priority: 2,
    });
    const [task] = await insertTasks(
      store.db,
      [{ namespace: defaultNamespace, id: 'full', definition, activeFrom: t0 - 77, author }],
      t0,
    );
    expect(task).toMatchObject({
      id: 'full',
      definition,
      version: 1,
      scheduleVersion: 1,
      activeFrom: t0 - 77,
      claimed: 0,
      createdAt: t0,
    });
    expect(await findTask(store.db, defaultNamespace, 'full')).toEqual(task);
    expect(await eventsOf(task as Task)).toEqual([{ type: 'created', actor: 'tester' }]);
  });

  test('come into no namespace that is being deleted, or is not there', async () => {
    await store.db.query(
      `insert into namespaces (id, closing, created_at, updated_at) values ('closing', true, now(), now())`,
    );
    const items = ['closing', 'nowhere', defaultNamespace].map((namespace) => ({
      ...{ namespace, id: 'late', definition: define('late'), activeFrom: t0, author },
    }));
    expect((await insertTasks(store.db, items, t0)).map((task) => task?.namespace)).toEqual([
      undefined,
      undefined,
      defaultNamespace,
    ]);
    expect(await insertFreeTasks(store.db, items.slice(0, 1), t0)).toEqual([{ closed: true }]);
  });

  test('have their ids to themselves inside a namespace: found, listed, changed and deleted in it alone', async () => {
    await store.db.query(
      `insert into namespaces (id, created_at, updated_at) values ('one', now(), now()), ('two', now(), now())`,
    );
    const items = ['one', 'two', 'one'].map((namespace) => ({
      ...{ namespace, id: 'same', definition: define('same', { name: `in ${namespace}` }), activeFrom: t0, author },
    }));
    const [one, two, again] = await insertTasks(store.db, items, t0);
    expect(one).toMatchObject({ namespace: 'one', definition: { name: 'in one' } });
    expect(two).toMatchObject({ namespace: 'two', definition: { name: 'in two' } });
    expect(again).toBeNull();
    expect(await findTask(store.db, 'two', 'same')).toEqual(two);
    expect(await findTask(store.db, defaultNamespace, 'same')).toBeNull();
    expect(await list({ namespace: 'one' })).toEqual(['same']);
    expect(await list({ q: 'same' })).toEqual([]);
    expect(await uidsOf(store.database, 'two', 'same')).toEqual([two?.uid]);
    expect(await deleteTask(store.db, 'one', 'same', null, author, t0)).toEqual({ uid: one?.uid });
    expect(await findTask(store.db, 'one', 'same')).toBeNull();
    expect(await findTask(store.db, 'two', 'same')).toEqual(two);
    await noteEvent(store.db, (two as Task).uid, 'noted', author, {}, t0);
    const { rows } = await store.db.query(
      `select namespace, type from events where namespace <> 'default' order by id`,
    );
    expect(rows.map(({ namespace, type }) => `${type} in ${namespace}`).sort()).toEqual([
      ...['created in one', 'created in two', 'deleted in one', 'noted in two'],
    ]);
  });

  test('come back in order, with null where the id is taken, also by an earlier one of the same batch', async () => {
    await makeTask(store.db, 'taken');
    const ids = ['fresh-2', 'taken', 'fresh-1', 'fresh-2', 'fresh-1'];
    const items = ids.map((id, place) => ({
      namespace: defaultNamespace,
      id,
      definition: define(id, { name: `name ${place}` }),
      activeFrom: t0,
      author,
    }));
    const made = await insertTasks(store.db, items, t0);
    expect(made.map((task) => task && [task.id, task.definition.name])).toEqual([
      ['fresh-2', 'name 0'],
      null,
      ['fresh-1', 'name 2'],
      null,
      null,
    ]);
    for (const task of made) if (task) expect(await eventsOf(task)).toHaveLength(1);
    expect(await insertTasks(store.db, [], t0)).toEqual([]);
  });

  test.skipIf(noPostgres)('of the same id at the same moment, in many batches, are made once', async () => {
    const ids = Array.from({ length: 30 }, (_, place) => `same-${place}`);
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, place) => makeTasks(store.db, place % 2 ? [...ids].reverse() : ids)),
    );
    const made = answers.flat().filter((task) => task !== null);
    expect(made.map(({ id }) => id).sort()).toEqual([...ids].sort());
  });

  test('may have the id of a deleted one, and are other tasks', async () => {
    const first = await makeTask(store.db, 'phoenix');
    await deleteTask(store.db, defaultNamespace, 'phoenix', null, author, t0);
    const second = await makeTask(store.db, 'phoenix');
    expect(second.uid).not.toBe(first.uid);
    expect(await findTask(store.db, defaultNamespace, 'phoenix')).toEqual(second);
  });
});

describe('changing a task', () => {
  const update = (task: Task, activeFrom: number | null = null) =>
    updateTask(
      store.db,
      task,
      { redact, type: 'updated', definition: { ...task.definition, timeout: '7s' }, activeFrom },
      author,
      t0 + 5,
    );

  test('counts its version, and its schedule_version only where occurrences change', async () => {
    const task = await makeTask(store.db, 'counted', { maxRuns: 5 });
    await store.db.query('update tasks set claimed = 3 where uid = $1', [task.uid]);
    const kept = (await update(task)) as Task;
    expect(kept).toMatchObject({ version: 2, scheduleVersion: 1, activeFrom: t0 - 1, claimed: 3, updatedAt: t0 + 5 });
    const timed = (await update(kept, t0 + 77)) as Task;
    // `maxRuns` counts over the life of the task.
    expect(timed).toMatchObject({ version: 3, scheduleVersion: 2, activeFrom: t0 + 77, claimed: 3 });
    expect(timed.definition.timeout).toBe('7s');
  });

  test('that somebody else changed first writes nothing', async () => {
    const task = await makeTask(store.db, 'stale');
    await update(task);
    expect(await update(task)).toBeNull();
    const gone = await makeTask(store.db, 'stale-gone');
    await deleteTask(store.db, defaultNamespace, gone.id, null, author, t0);
    expect(await update(gone)).toBeNull();
    expect((await findTask(store.db, defaultNamespace, 'stale'))?.version).toBe(2);
    expect(await eventsOf(task)).toHaveLength(2);
  });

  test.skipIf(noPostgres)('at the same moment by many lets one of them through', async () => {
    const task = await makeTask(store.db, 'contended');
    const answers = await Promise.all(Array.from({ length: 10 }, () => update(task)));
    expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
    expect(await findTask(store.db, defaultNamespace, 'contended')).toMatchObject({ version: 2 });
  });

  test('deletes it once, at the version that was meant', async () => {
    const task = await makeTask(store.db, 'deleted');
    expect(await deleteTask(store.db, defaultNamespace, 'deleted', 2, author, t0)).toBeNull();
    expect(await deleteTask(store.db, defaultNamespace, 'deleted', 1, author, t0)).toMatchObject({ uid: task.uid });
    expect(await deleteTask(store.db, defaultNamespace, 'deleted', null, author, t0)).toBeNull();
    expect(await findTask(store.db, defaultNamespace, 'deleted')).toBeNull();
    expect((await eventsOf(task)).map(({ type }) => type)).toEqual(['created', 'deleted']);
  });

  test('completes it only while it is active and of the schedule_version that is exhausted', async () => {
    const [task, changed, stopped, gone] = (await makeTasks(store.db, [
      'done',
      'done-changed',
      'done-stopped',
      'done-gone',
    ])) as [Task, Task, Task, Task];
    await update(changed, t0);
    await updateTask(
      store.db,
      stopped,
      { redact, type: 'stopped', definition: { ...stopped.definition, status: 'stopped' }, activeFrom: null },
      author,
      t0,
    );
    await deleteTask(store.db, defaultNamespace, gone.id, null, author, t0);
    const items = [task, changed, stopped, gone].map(({ uid }) => ({ uid, scheduleVersion: 1 }));
    await completeTasks(store.db, items, t0);
    await completeTasks(store.db, items, t0);
    const status = async (id: string) => (await findTask(store.db, defaultNamespace, id))?.definition.status;
    expect([await status('done'), await status('done-changed'), await status('done-stopped')]).toEqual([
      'completed',
      'active',
      'stopped',
    ]);
    expect((await eventsOf(task)).map(({ type }) => type)).toEqual(['created', 'completed']);
  });
});

describe('the list of tasks', () => {
  test('takes %, _ and \\ in a search as what they are, whatever their case', async () => {
    const texts = ['100%', 'x%y', 'x_y', 'xay', 'back\\slash', 'XAY2'];
    await Promise.all(texts.map((name, place) => makeTask(store.db, `like-${place}`, { name })));
    const found = async (q: string) =>
      (await list({ q })).filter((id) => id.startsWith('like-')).map((id) => texts[Number(id.slice(5))]);
    expect(await found('%')).toEqual(['100%', 'x%y']);
    expect(await found('x_y')).toEqual(['x_y']);
    expect(await found('\\')).toEqual(['back\\slash']);
    expect(await found('xay')).toEqual(['xay', 'XAY2']);
    expect(await list({ q: 'LIKE-3' })).toEqual(['like-3']);
  });

  test('searches for any text literally', async () => {
    const character = fc.constantFrom('%', '_', '\\', 'a', 'B', "'");
    const text = fc.array(character, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
    const texts = fc.sample(text, 60);
    await Promise.all(texts.map((name, place) => makeTask(store.db, `any.${place}`, { name })));
    await fc.assert(
      fc.asyncProperty(text, async (q) => {
        const found = (await list({ q })).filter((id) => id.startsWith('any.'));
        const expected = texts.flatMap((name, place) => {
          const id = `any.${place}`;
          const has = (value: string) => value.toLowerCase().includes(q.toLowerCase());
          return has(name) || has(id) ? [id] : [];
        });
        expect(found.sort()).toEqual(expected.sort());
      }),
      { numRuns: 40 },
    );
  });

  test('is in the order of bytes, and goes on after a cursor without gap or repetition', async () => {
    const ids = ['order_a', 'orderB', 'order-c', 'order.d', 'ordera', 'orderZ', 'order0'];
    await makeTasks(store.db, ids);
    const sorted = [...ids].sort();
    const paged: string[] = [];
    for (let after: string | null = null; ; after = paged.at(-1) ?? null) {
      const page = await list({ q: 'order', after, limit: 2 });
      paged.push(...page);
      if (page.length < 2) break;
    }
    expect(paged).toEqual(sorted);
  });

  test('holds to all filters at once, and leaves deleted tasks out', async () => {
    await makeTask(store.db, 'f-1', { labels: { team: 'x', tier: '1' } });
    await makeTask(store.db, 'f-2', { labels: { team: 'x', tier: '2' }, status: 'stopped' });
    await makeTask(store.db, 'f-3', { labels: { team: 'x' } });
    await makeTask(store.db, 'f-4', { labels: { team: 'x' } });
    await deleteTask(store.db, defaultNamespace, 'f-4', null, author, t0);
    const team = ['team', 'x'] as const;
    expect(await list({ labels: [team] })).toEqual(['f-1', 'f-2', 'f-3']);
    expect(await list({ labels: [team, ['tier', '2']] })).toEqual(['f-2']);
    expect(await list({ labels: [team], statuses: ['active'] })).toEqual(['f-1', 'f-3']);
    expect(await list({ labels: [team], q: 'f-3', statuses: ['stopped'] })).toEqual([]);
  });

  test('takes any of several statuses, and any of several values of one label', async () => {
    await makeTask(store.db, 'a-1', { labels: { kind: 'any', tier: '1' } });
    await makeTask(store.db, 'a-2', { labels: { kind: 'any', tier: '2' }, status: 'stopped' });
    await makeTask(store.db, 'a-3', { labels: { kind: 'any', tier: '3' } });
    await makeTask(store.db, 'a-4', { labels: { kind: 'any' } });
    const kind = ['kind', 'any'] as const;
    expect(await list({ labels: [kind], statuses: ['active', 'stopped'] })).toEqual(['a-1', 'a-2', 'a-3', 'a-4']);
    expect(await list({ labels: [kind, ['tier', '1'], ['tier', '2']] })).toEqual(['a-1', 'a-2']);
    expect(await list({ labels: [kind, ['tier', '1'], ['tier', '9']], statuses: ['stopped'] })).toEqual([]);
  });
});

describe('a deleted task', () => {
  test('is forgotten with its events when it is old enough and no run refers to it', async () => {
    const [old, used, young, live] = (await makeTasks(store.db, ['t-old', 't-used', 't-young', 't-live'])) as [
      Task,
      Task,
      Task,
      Task,
    ];
    for (const [{ id }, at] of [
      [old, t0],
      [used, t0],
      [young, t0 + 10_000],
    ] as const)
      await deleteTask(store.db, defaultNamespace, id, null, author, at);
    await plantRun(store.db, { id: runIds.of(used.uid, t0), uid: used.uid, status: 'succeeded' });
    await forgetTombstones(store.db, t0 + 5_000, 1_000);
    const { rows } = await store.db.query<{ id: string }>(`select id from tasks where id like 't-%' order by id`);
    expect(rows.map(({ id }) => id)).toEqual(['t-live', 't-used', 't-young']);
    expect(await eventsOf(old)).toEqual([]);
    for (const task of [used, young]) expect(await eventsOf(task)).toHaveLength(2);
    expect(await eventsOf(live)).toHaveLength(1);
  });

  test('waits its turn when many are to be forgotten', async () => {
    const ids = Array.from({ length: 5 }, (_, place) => `turn-${place}`);
    await makeTasks(store.db, ids);
    for (const id of ids) await deleteTask(store.db, defaultNamespace, id, null, author, t0 - 100_000);
    const left = async () => (await store.db.query(`select from tasks where id like 'turn-%'`)).rowCount;
    await forgetTombstones(store.db, t0 - 50_000, 3);
    expect(await left()).toBe(2);
    await forgetTombstones(store.db, t0 - 50_000, 3);
    expect(await left()).toBe(0);
  });
});
