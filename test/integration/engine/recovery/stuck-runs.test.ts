import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabaseTime } from '../../../../src/engine/cluster/database-time.ts';
import { createStuckRunStep } from '../../../../src/engine/recovery/stuck-runs.ts';
import { createClock } from '../../../clock.ts';
import { silent } from '../../../silent-log.ts';
import { makeTask, openStore, plantRun, readRun, type Store, t0 } from '../../store/store.ts';

let store: Store;
let uid: number;
beforeAll(async () => {
  store = await openStore();
  uid = (await makeTask(store.db, 'stray', { overlap: 'allow' })).uid;
});
beforeEach(() => store.db.query('truncate runs'));

const statusOf = async (id: string) => (await readRun(store.db, id)).status;

function watch() {
  const clock = createClock(t0);
  const us = { id: randomUUID() as string, held: true, free: 1, known: new Set<string>(), taken: 0, retries: 0 };
  const step = createStuckRunStep({
    database: store.database,
    clock,
    time: createDatabaseTime(clock),
    log: silent,
    lease: { id: () => us.id, held: () => us.held },
    attempts: { inHand: () => us.known, free: () => us.free },
    metrics: {
      stuckRunsFound(count) {
        us.taken += count;
      },
    },
    noteRuns() {},
    onTaken() {},
    onRetry() {
      us.retries++;
    },
  });
  return {
    us,
    /** Passes of the loop for so long. */
    async pass(ms: number) {
      for (let passed = 0; passed <= ms; ) {
        const wait = await step();
        passed += wait;
        clock.freeze(wait);
      }
    },
    async plant(maxAttempts = 2) {
      const id = randomUUID();
      await plantRun(store.db, { id, uid, status: 'running', owner: us.id, attempt: 1, max_attempts: maxAttempts });
      return id;
    },
  };
}

describe('a run that is ours by the database, and unknown here', () => {
  test('is taken up once that has lasted longer than any claim, and counted', async () => {
    const { us, pass, plant } = watch();
    const [again, last] = [await plant(), await plant(1)];
    await pass(5_000);
    expect([await statusOf(again), us.taken]).toEqual(['running', 0]);
    await pass(15_000);
    expect([await statusOf(again), await statusOf(last), us.taken, us.retries]).toEqual(['retrying', 'lost', 2, 1]);
  });

  test('is let be where its attempt is in hand', async () => {
    const { us, pass, plant } = watch();
    us.known.add(await plant());
    await pass(60_000);
    expect(us.taken).toBe(0);
  });

  test('counts from its latest attempt: one that begins or ends between two looks starts the wait anew', async () => {
    const { us, pass, plant } = watch();
    const id = await plant();
    await pass(10_000);
    us.known.add(id);
    await pass(5_000);
    us.known.delete(id);
    await pass(10_000);
    expect(await statusOf(id)).toBe('running');
    await store.db.query('update runs set attempt = 2 where id = $1', [id]);
    await pass(10_000);
    expect(await statusOf(id)).toBe('running');
    await pass(10_000);
    expect(await statusOf(id)).toBe('lost');
  });

  test('is not judged while every slot is taken, nor without a lease, nor in the name of another incarnation', async () => {
    const { us, pass, plant } = watch();
    const id = await plant();
    us.free = 0;
    await pass(60_000);
    us.free = 1;
    us.held = false;
    await pass(60_000);
    us.held = true;
    us.id = randomUUID();
    await pass(60_000);
    expect([await statusOf(id), us.taken]).toEqual(['running', 0]);
  });
});
