import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { createDispatcherStep, type DispatcherOptions } from '../../../../src/engine/attempts/dispatcher.ts';
import type { TakenRun } from '../../../../src/store/runs/claiming/dispatch.ts';
import { runGroup } from '../../../../src/store/runs/run-group.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { insertTasks } from '../../../../src/store/tasks/tasks.ts';
import { createClock } from '../../../clock.ts';
import { author, define, dueOf, makeTasks, openStore, plantRun, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

/** A dispatcher with so many slots free and attempts ending at this pace, and the runs that it has started. */
function dispatcherWith(free: number, endedPerMs: number, more: Partial<DispatcherOptions> = {}) {
  const started: TakenRun[] = [];
  const owner = randomUUID();
  const step = createDispatcherStep({
    database: store.database,
    weightOf: () => 1,
    isShared: () => false,
    clock: createClock(),
    time: { now: () => t0 + 60_000 },
    attempts: {
      free: () => free,
      room: () => free,
      endedPerMs: () => endedPerMs,
      reserve: () => ({ release() {} }),
      start: (run: TakenRun) => void started.push(run),
    },
    lease: { id: () => owner, held: () => true },
    metrics: { limitPassed() {}, limitedWaiting() {} },
    ...more,
  });
  return { step, started };
}

/** What a pass takes of the runs that wait. */
async function taken(free: number, endedPerMs: number): Promise<TakenRun[]> {
  const { step, started } = dispatcherWith(free, endedPerMs);
  await step();
  return started;
}

describe('the dispatcher', () => {
  test('has its part of the slots while claims keep ahead of them, and none where no attempt ends', async () => {
    const tasks = await makeTasks(store.db, ['w-1', 'w-2', 'w-3'], { overlap: 'allow' });
    for (const task of tasks)
      await plantRun(store.db, { id: dueOf(task, 0).runId, uid: task.uid, status: 'pending', trigger: 'manual' });
    expect(await taken(-1_000, 0)).toEqual([]);
    expect(await taken(-1_000, 0.125)).toHaveLength(2);
    expect(await taken(5, 0)).toHaveLength(1);
  });

  test.each([
    ['runs', {}],
    ['runs with limits', { maxConcurrency: 9 }],
  ])('remembers from pass to pass whose turn it is, where single slots become free for %s', async (name, more) => {
    const namespaces = ['a', 'b'].map((of) => `${of}-${name.length}`);
    await store.db.query(
      'insert into namespaces (id, created_at, updated_at) select unnest($1::text[]), now(), now()',
      [namespaces],
    );
    const items = namespaces.flatMap((namespace) =>
      Array.from({ length: 6 }, (_, n) => ({
        ...{ namespace, id: `t-${n}`, activeFrom: t0, author },
        definition: define(`t-${n}`, { overlap: 'allow', ...more }),
      })),
    );
    const tasks = (await insertTasks(store.db, items, t0)) as Task[];
    for (const task of tasks)
      await plantRun(store.db, { id: dueOf(task, 0).runId, uid: task.uid, status: 'pending', trigger: 'manual' });
    await store.db.query(
      `update runs r set namespace = t.namespace, limit_group = ${runGroup('t')} from tasks t where t.uid = r.task_uid`,
    );
    const clock = createClock();
    const weightOf = (of: string) => (of === namespaces[1] ? 2 : 1);
    const { step, started } = dispatcherWith(1, 0, { clock, weightOf, isShared: () => true });
    for (let passes = 0; passes < 40 && started.length < 6; passes++) {
      await clock.advance(10);
      await step();
    }
    expect(started.map(({ namespace }) => namespace).sort()).toEqual([
      ...Array(2).fill(namespaces[0]),
      ...Array(4).fill(namespaces[1]),
    ]);
    await store.db.query(`delete from runs where status in ('pending', 'retrying', 'running')`);
  });
});
