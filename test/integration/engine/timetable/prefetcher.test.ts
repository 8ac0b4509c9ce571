import { LRUCache } from 'lru-cache';
import { beforeAll, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { createPrefetchStep } from '../../../../src/engine/timetable/prefetcher.ts';
import type { Entry } from '../../../../src/engine/timetable/timetable.ts';
import type { TaskSnapshot } from '../../../../src/store/runs/claiming/claims.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { deleteTask } from '../../../../src/store/tasks/tasks.ts';
import { urlOf } from '../../../http-targets.ts';
import { author, makeTasks, openStore, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

describe('what is due in a moment', () => {
  test('has its plan in memory by then, where this replica comes first for it', async () => {
    const ids = Array.from({ length: 1_203 }, (_, place) => `soon-${place}`);
    const tasks = await makeTasks(store.db, ids, { target: 'http://127.0.0.1:9/soon' });
    const [foreign, gone, some] = tasks as [Task, Task, Task];
    await deleteTask(store.db, defaultNamespace, gone.id, null, author, t0);
    const snapshots = new LRUCache<number, TaskSnapshot>({ max: 5_000 });
    const asked: number[] = [];
    const prepared: string[] = [];
    const step = createPrefetchStep({
      db: store.db,
      time: { now: () => t0 },
      timetable: {
        next: () => t0 + 1,
        dueBy(instant) {
          asked.push(instant);
          return tasks.map(({ uid }) => ({ uid, timing: { schedule: { kind: 'manual' } } }) as Entry);
        },
      },
      snapshots,
      isOwn: (uid) => uid !== foreign.uid,
      lease: { held: () => true },
      prepare: (target) => void prepared.push(urlOf(target)),
    });
    // Until there is nothing more to read at once; the rest comes with the next look.
    for (let pass = 0; pass < 4; pass++) await step();
    expect(tasks.filter(({ uid }) => snapshots.has(uid)).map(({ id }) => id)).toEqual(ids.slice(2));
    expect(prepared).toEqual(ids.slice(2).map(() => 'http://127.0.0.1:9/soon'));
    expect(Math.min(...asked)).toBeGreaterThan(t0 + 1_000);
    expect(snapshots.get(some.uid)).toMatchObject({ taskId: 'soon-2', version: 1, maxAttempts: 1 });
  });
});
