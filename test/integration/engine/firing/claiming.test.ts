import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { expect, test } from 'vitest';
import { createClaiming } from '../../../../src/engine/firing/claiming.ts';
import { noLock } from '../../../../src/redis/lock.ts';
import type { TaskSnapshot } from '../../../../src/store/runs/claiming/claims.ts';
import { urlOf } from '../../../http-targets.ts';
import { entryOf } from '../../../timetable-entry.ts';
import { makeTask, openStore, runIds, t0 } from '../../store/store.ts';

test('keeps the plans of tasks that are due again soon, and of no others', async () => {
  const store = await openStore();
  const owner = randomUUID();
  const snapshots = new LRUCache<number, TaskSnapshot>({ max: 10 });
  const prepared: string[] = [];
  const claim = createClaiming({
    ...{
      database: store.database,
      time: { now: () => t0 },
      attempts: { inHand: () => new Set<string>() },
      lock: noLock,
      snapshots,
    },
    ...{
      lease: { id: () => owner, held: () => true },
      lockTtlMs: 10_000,
      runIds,
      prepare: (target) => prepared.push(urlOf(target)),
    },
    ...{ onClaims() {}, onExhausted() {}, onReplaced() {}, onWaiting() {}, onStale() {}, noteRuns() {} },
  });
  const [minutely, daily, once] = [
    await makeTask(store.db, 'minutely'),
    await makeTask(store.db, 'daily'),
    await makeTask(store.db, 'once'),
  ];
  const nextOf = new Map([
    [minutely, t0 + 60_000],
    [daily, t0 + 86_400_000],
    [once, Infinity],
  ]);
  const batch = [...nextOf].map(([{ uid, id, scheduleVersion }, nextAt]) => ({
    entry: entryOf({ uid, id, scheduleVersion }),
    instant: t0,
    nextAt,
  }));
  const begun: string[] = [];
  await claim(
    batch,
    owner,
    { release() {} },
    ({ snapshot }) => void begun.push(snapshot.taskId),
    () => {},
  );
  expect(begun.sort()).toEqual(['daily', 'minutely', 'once']);
  expect([minutely, daily, once].map(({ uid }) => snapshots.has(uid))).toEqual([true, false, false]);
  expect(prepared).toEqual([urlOf(minutely.definition.target)]);
});
