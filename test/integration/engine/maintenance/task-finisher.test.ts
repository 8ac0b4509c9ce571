import { beforeAll, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import type { DatabaseTime } from '../../../../src/engine/cluster/database-time.ts';
import { createTaskFinisher } from '../../../../src/engine/maintenance/task-finisher.ts';
import { findTask } from '../../../../src/store/tasks/tasks.ts';
import { makeTask, openStore, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

describe('completing tasks', () => {
  test('waits while something more urgent is under way, but not for ever', async () => {
    const tasks = [await makeTask(store.db, 'at-once'), await makeTask(store.db, 'put-off')];
    let now = t0;
    let busy = false;
    let woken = 0;
    const taskFinisher = createTaskFinisher(
      store.db,
      { now: () => now } as DatabaseTime,
      () => busy,
      () => void woken++,
    );
    const statuses = () =>
      Promise.all(tasks.map(async ({ id }) => (await findTask(store.db, defaultNamespace, id))?.definition.status));
    taskFinisher.add(tasks.slice(0, 1));
    await taskFinisher.step();
    expect(await statuses()).toEqual(['completed', 'active']);
    busy = true;
    taskFinisher.add(tasks.slice(1));
    expect(woken).toBe(2);
    now += 9_999;
    await taskFinisher.step();
    expect(await statuses()).toEqual(['completed', 'active']);
    now += 1;
    await taskFinisher.step();
    expect(await statuses()).toEqual(['completed', 'completed']);
  });
});
