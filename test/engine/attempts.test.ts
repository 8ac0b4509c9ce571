import { expect, test } from 'vitest';
import { createAttempts } from '../../src/engine/attempts.ts';
import type { DatabaseTime } from '../../src/engine/database-time.ts';
import type { Settler } from '../../src/engine/settler.ts';
import type { Outcome } from '../../src/executors/executor.ts';
import type { Plan } from '../../src/store/claims.ts';
import { settle } from '../clock.ts';

const plan = { taskId: 't', timeoutMs: 1_000, maxAttempts: 1, retry: { maxDuration: null } } as unknown as Plan;
const fine: Outcome = {
  ...{ status: 'succeeded', httpStatus: 200, output: '', truncated: false, error: null, retryAfterMs: null },
  ...{ isFinal: false, viaFallback: false, postponed: null },
};

test('what waits for a slot starts by rank, and what has none before it', async () => {
  const started: string[] = [];
  const ends: (() => void)[] = [];
  const attempts = createAttempts({
    execute({ runId }) {
      started.push(runId);
      return { outcome: new Promise((resolve) => ends.push(() => resolve(fine))), cancel() {} };
    },
    tokenOf: () => '',
    settler: { add() {}, holds: () => false } as unknown as Settler,
    time: { now: () => 0 } as DatabaseTime,
    after() {},
    monotonic: () => 0,
    random: () => 0,
    maxConcurrent: 1,
    onSettled() {},
    onFenced() {},
    onFree() {},
    onWaiting() {},
    onPlaceFree() {},
  });
  const start = (runId: string, rank?: number) =>
    attempts.start(
      { runId, uid: 1, attempt: 1, scheduledFor: 0, trigger: 'schedule', firstStartedAt: null, plan },
      'me',
      rank,
    );
  start('first', 9);
  start('a', 5);
  start('b', 7);
  start('c', 5);
  start('urgent', 1);
  start('taken');
  start('d', 7);
  while (ends.length > 0) {
    ends.shift()?.();
    await settle();
  }
  expect(started).toEqual(['first', 'taken', 'urgent', 'a', 'c', 'b', 'd']);
  expect([attempts.free(), attempts.running()]).toEqual([1, 0]);
});
