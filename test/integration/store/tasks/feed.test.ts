import fc from 'fast-check';
import type pg from 'pg';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { formatInstant } from '../../../../src/domain/input/instant.ts';
import type { Queryable } from '../../../../src/store/postgres/database.ts';
import {
  feedPosition,
  type InactiveTask,
  loadTasks,
  readChanges,
  type TaskTiming,
} from '../../../../src/store/tasks/feed.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { completeTasks, deleteTask, insertTasks, updateTask } from '../../../../src/store/tasks/tasks.ts';
import { noPostgres } from '../../../services/provided.ts';
import { author, define, makeTask, makeTasks, openStore, redact, type Store, t0 } from '../store.ts';

let store: Store;
const open: pg.PoolClient[] = [];
beforeAll(async () => {
  store = await openStore();
});
afterEach(async () => {
  for (const client of open.splice(0)) {
    await client.query('rollback');
    client.release();
  }
});

async function connect(): Promise<pg.PoolClient> {
  const client = await store.database.pool.connect();
  open.push(client);
  return client;
}

/** A follower as the reconciler is one: what it knows after each poll. */
async function follow(db: Queryable) {
  let position = await feedPosition(db);
  const known = new Map<number, TaskTiming>();
  return {
    known,
    async load() {
      for (const task of await loadTasks(db, 0, 100_000)) known.set(task.uid, task);
    },
    async poll(): Promise<(TaskTiming | InactiveTask)[]> {
      const read = await readChanges(db, position);
      position = read.position;
      for (const task of read.changes) {
        if (task.active) known.set(task.uid, task);
        else known.delete(task.uid);
      }
      return read.changes;
    },
  };
}

const ids = (tasks: (TaskTiming | InactiveTask)[]) => tasks.map(({ id }) => id);

async function retime(db: Queryable, task: Task, second: number): Promise<Task> {
  const definition = { ...task.definition, description: `changed ${second}` };
  const change = { redact, type: 'updated', definition, activeFrom: t0 + second * 1_000 } as const;
  const written = await updateTask(db, task, change, author, t0);
  if (!written) throw new Error('somebody else changed it');
  return written;
}

describe.skipIf(noPostgres)('the feed', () => {
  test('shows a change that began before others and was committed after they were read', async () => {
    const slow = await connect();
    await slow.query('begin');
    await makeTask(slow, 'late');
    const follower = await follow(store.db);
    await makeTask(store.db, 'early');
    expect(ids(await follower.poll())).toContain('early');
    await makeTask(store.db, 'early-2');
    expect(ids(await follower.poll())).not.toContain('late');
    await slow.query('commit');
    expect(ids(await follower.poll())).toContain('late');
  });

  test.each([true, false])(
    'shows an update that was under way while the tasks were loaded (others polled meanwhile: %s)',
    async (polled) => {
      const task = await makeTask(store.db, `loading-${polled}`);
      const slow = await connect();
      await slow.query('begin');
      const changed = await retime(slow, task, 7);
      await makeTask(store.db, `loading-before-${polled}`);
      const follower = await follow(store.db);
      await follower.load();
      if (polled) {
        await makeTask(store.db, 'loading-other');
        await follower.poll();
      }
      expect(follower.known.get(task.uid)?.scheduleVersion).toBe(1);
      await slow.query('commit');
      await follower.poll();
      expect(follower.known.get(task.uid)).toMatchObject({
        scheduleVersion: changed.scheduleVersion,
        activeFrom: t0 + 7_000,
      });
    },
  );

  test('never shows what was rolled back', async () => {
    const follower = await follow(store.db);
    const doomed = await connect();
    await doomed.query('begin');
    await makeTask(doomed, 'rolled-back');
    await follower.poll();
    await doomed.query('rollback');
    expect(ids(await follower.poll())).not.toContain('rolled-back');
    expect(ids(await follower.poll())).not.toContain('rolled-back');
  });

  test('however transactions interleave, a follower ends up knowing what the table holds', async () => {
    const connections = 4;
    const step = fc.oneof(
      { arbitrary: fc.constant({ kind: 'poll' as const, who: 0, what: 0 }), weight: 3 },
      {
        arbitrary: fc.record({
          kind: fc.constantFrom('write' as const, 'write' as const, 'commit' as const, 'rollback' as const),
          who: fc.nat(connections - 1),
          what: fc.nat(4),
        }),
        weight: 8,
      },
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 40, size: 'max' }), async (steps) => {
        round++;
        const clients = await Promise.all(Array.from({ length: connections }, connect));
        // Each connection has tasks of its own: their row locks would put the transactions in order.
        const own = clients.map(() => ({ open: false, made: 0, tasks: [] as Task[], before: [] as Task[] }));
        const follower = await follow(store.db);
        await follower.load();
        for (const { kind, who, what } of steps) {
          const [client, state] = [clients[who] as pg.PoolClient, own[who] as (typeof own)[number]];
          if (kind === 'poll') await follower.poll();
          else if (kind === 'write') {
            if (!state.open) {
              await client.query('begin');
              state.open = true;
              state.before = [...state.tasks];
            }
            const task = state.tasks.at(-1);
            if (!task || what === 0) state.tasks.push(await makeTask(client, `round-${round}-${who}-${state.made++}`));
            else if (what === 1) {
              await deleteTask(client, defaultNamespace, task.id, null, author, t0);
              state.tasks.pop();
            } else if (what === 2) {
              await completeTasks(client, [{ uid: task.uid, scheduleVersion: task.scheduleVersion }], t0);
              state.tasks.pop();
            } else state.tasks[state.tasks.length - 1] = await retime(client, task, what);
          } else if (state.open) {
            await client.query(kind);
            state.open = false;
            if (kind === 'rollback') state.tasks = state.before;
          }
        }
        await follower.poll();
        for (const [who, client] of clients.entries()) if (own[who]?.open) await client.query('commit');
        await follower.poll();
        const stored = await loadTasks(store.db, 0, 100_000);
        expect([...follower.known.values()].sort((a, b) => a.uid - b.uid)).toEqual(stored);
        for (const client of open.splice(0)) client.release();
      }),
      { numRuns: 40 },
    );
  });
});

describe('a change in the feed', () => {
  test('says of deleted, stopped and completed tasks that they have no occurrences', async () => {
    const follower = await follow(store.db);
    const [gone, stopped, completed, live] = (await makeTasks(store.db, ['gone', 'stopped', 'completed', 'live'])) as [
      Task,
      Task,
      Task,
      Task,
    ];
    await deleteTask(store.db, defaultNamespace, gone.id, null, author, t0);
    const definition = { ...stopped.definition, status: 'stopped' as const };
    await updateTask(store.db, stopped, { redact, type: 'stopped', definition, activeFrom: t0 }, author, t0);
    await completeTasks(store.db, [completed], t0);
    const seen = Object.fromEntries((await follower.poll()).map((task) => [task.id, task]));
    expect(seen).toMatchObject({
      gone: { active: false, deleted: true },
      stopped: { active: false, deleted: false },
      completed: { active: false, deleted: false },
      live: { active: true },
    });
    const loaded = ids(await loadTasks(store.db, 0, 100_000));
    expect(loaded).toContain(live.id);
    for (const task of [gone, stopped, completed]) expect(loaded).not.toContain(task.id);
  });

  test('has every number to the millisecond, and null for what is not set', async () => {
    const instant = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
    const sample = fc.sample(fc.tuple(instant, instant, fc.integer({ min: 0, max: 86_400_000 })), 50);
    const items = sample.map(([one, two, jitter], place) => ({
      namespace: defaultNamespace,
      id: `exact-${place}`,
      definition: define('exact', {
        startsAt: formatInstant(Math.min(one, two)),
        endsAt: formatInstant(Math.max(one, two)),
        jitter: `${jitter}ms`,
      }),
      activeFrom: one,
      author,
    }));
    const follower = await follow(store.db);
    const stored = await insertTasks(store.db, items, t0);
    const seen = new Map((await follower.poll()).map((task) => [task.uid, task]));
    for (const [place, [one, two, jitterMs]] of sample.entries())
      expect(seen.get((stored[place] as Task).uid)).toMatchObject({
        activeFrom: one,
        startsAt: Math.min(one, two),
        endsAt: Math.max(one, two),
        jitterMs,
      });
    const plain = await makeTask(store.db, 'plain', { maxRuns: 3, priority: 9 });
    await follower.poll();
    expect(follower.known.get(plain.uid)).toEqual({
      uid: plain.uid,
      id: 'plain',
      namespace: 'default',
      scheduleVersion: 1,
      schedule: plain.definition.schedule,
      activeFrom: t0 - 1,
      startsAt: null,
      endsAt: null,
      jitterMs: 0,
      misfire: plain.definition.misfire,
      priority: 9,
      limited: true,
      active: true,
    });
  });

  test('comes page by page when all are loaded', async () => {
    const all = await loadTasks(store.db, 0, 100_000);
    const paged: TaskTiming[] = [];
    for (;;) {
      const page = await loadTasks(store.db, paged.at(-1)?.uid ?? 0, 7);
      paged.push(...page);
      if (page.length < 7) break;
    }
    expect(paged).toEqual(all);
  });

  test('is not there when nothing changed, and the position still moves on', async () => {
    /** A position is as old as the oldest transaction on the server, and other tests have theirs. */
    const quiet = async (from: string) => {
      let position = from;
      await expect
        .poll(
          async () => {
            const read = await readChanges(store.db, position);
            position = read.position;
            return read.changes;
          },
          { timeout: 20_000 },
        )
        .toEqual([]);
      return position;
    };
    const position = await quiet(await feedPosition(store.db));
    await makeTask(store.db, 'moves');
    const next = await readChanges(store.db, position);
    expect(ids(next.changes)).toContain('moves');
    await quiet(next.position);
  });
});
