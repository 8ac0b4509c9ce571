import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { createDispatcherStep } from '../../../../src/engine/attempts/dispatcher.ts';
import type { TakenRun } from '../../../../src/store/runs/claiming/dispatch.ts';
import { createClock } from '../../../clock.ts';
import { dueOf, makeTasks, openStore, plantRun, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

/** What a pass takes of the runs that wait, with so many slots free and attempts ending at this pace. */
async function taken(free: number, endedPerMs: number): Promise<TakenRun[]> {
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
  });
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
});
