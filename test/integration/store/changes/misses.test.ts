import { beforeAll, expect, test } from 'vitest';
import { removeTask } from '../../../../src/store/changes/changes.ts';
import {
  areUnconfirmed,
  correctUnconfirmed,
  type RecordedMiss,
  resolveMiss,
} from '../../../../src/store/changes/misses.ts';
import { author, makeTask, openStore, plantRun, runIds, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
  await store.db.query('insert into cluster (watermark) values ($1)', [new Date(t0)]);
});

/** Deletes a new task, which misses its occurrences from `t0` to `to`, one each second. */
async function missed(id: string, to: number): Promise<RecordedMiss & { at: number }> {
  const task = await makeTask(store.db, id);
  const miss = { from: t0, to, count: (to - t0) / 1_000 + 1 };
  const gone = await removeTask(store.database, task.namespace, id, null, async () => miss, author);
  if (!gone?.missed) throw new Error('nothing was missed');
  return { ...gone.missed, at: gone.at };
}

const eventOf = async ({ eventId }: RecordedMiss) =>
  (await store.db.query('select data from events where id = $1', [eventId])).rows[0]?.data ?? null;

test('a miss that nobody confirmed loses the occurrences that have got a run since', async () => {
  const [partly, wholly, rightly] = [
    await missed('partly', t0 + 2_000),
    await missed('wholly', t0),
    await missed('rightly', t0),
  ];
  const ran = ({ before: { uid } }: RecordedMiss, at: number) =>
    plantRun(store.db, { id: runIds.of(uid, at), uid, at, status: 'succeeded' });
  await ran(partly, t0 + 1_000);
  await ran(wholly, t0);
  expect(await correctUnconfirmed(store.database, partly.at)).toBe(0);
  expect(await eventOf(partly)).toMatchObject({ count: 3, reason: 'deleted' });
  expect(await areUnconfirmed(store.db, rightly.at + 1)).toBe(true);
  expect(await correctUnconfirmed(store.database, rightly.at + 1)).toBe(2);
  expect(await eventOf(partly)).toMatchObject({ count: 2, reason: 'deleted' });
  expect(await eventOf(wholly)).toBeNull();
  expect(await eventOf(rightly)).toMatchObject({ count: 1 });
  expect(await areUnconfirmed(store.db, rightly.at + 1)).toBe(false);
});

test('a miss that was confirmed is not looked at again', async () => {
  const miss = await missed('confirmed', t0);
  await resolveMiss(store.db, miss, async () => miss.miss);
  expect(await areUnconfirmed(store.db, miss.at + 1)).toBe(false);
});

test('a miss whose event was deleted is forgotten', async () => {
  const miss = await missed('forgotten', t0);
  await store.db.query('delete from events where id = $1', [miss.eventId]);
  expect(await correctUnconfirmed(store.database, miss.at)).toBe(0);
  expect(await areUnconfirmed(store.db, miss.at + 1)).toBe(false);
});
