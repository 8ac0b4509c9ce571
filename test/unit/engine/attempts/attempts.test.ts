import { expect, test } from 'vitest';
import { createAttempts, type Scheduled } from '../../../../src/engine/attempts/attempts.ts';
import type { PendingHandOver, PendingOutcomeWrite } from '../../../../src/engine/attempts/completer.ts';
import type { DatabaseTime } from '../../../../src/engine/cluster/database-time.ts';
import type { Outcome } from '../../../../src/executors/executor.ts';
import type { TaskSnapshot } from '../../../../src/store/runs/claiming/claims.ts';
import type { TakenRun } from '../../../../src/store/runs/claiming/dispatch.ts';
import { runDueCallbacks } from '../../../clock.ts';

const snapshot: TaskSnapshot = {
  namespace: 'default',
  taskId: 't',
  timeoutMs: 1_000,
  maxAttempts: 1,
  retry: {
    ...{ maxAttempts: 1, backoff: 'exponential', multiplier: 2, jitter: 0, retryOn: [] },
    ...{ minBackoff: '1s', maxBackoff: '1s', maxDuration: null },
  },
  policies: null,
  ...{ version: 1, target: { type: 'none' }, queues: false, about: null },
};
const fine: Outcome = {
  ...{
    status: 'succeeded',
    detail: { httpStatus: 200 },
    output: '',
    truncated: false,
    error: null,
    retryAfterMs: null,
  },
  ...{ isFinal: false, viaFallback: false, deferred: null, held: null },
};

/** Attempts that end when told to, at time 1,000 of both clocks. */
function start(maxConcurrent: number, outcome: Outcome = fine, isDeferred = false) {
  const told: string[] = [];
  const started: string[] = [];
  const ends: (() => void)[] = [];
  const completed: (PendingOutcomeWrite | PendingHandOver)[] = [];
  const attempts = createAttempts({
    execute({ runId }) {
      started.push(runId);
      return { outcome: new Promise((resolve) => ends.push(() => resolve(outcome))), cancel() {}, isDeferred };
    },
    tokenOf: () => '',
    completer: {
      add: (item) => void completed.push(item),
      holds: () => [],
      drain: async () => {},
    },
    time: { now: () => 1_000 } as DatabaseTime,
    after() {},
    monotonic: () => 1_000,
    random: () => 0,
    maxConcurrent,
    weightOf: () => 1,
    isShared: () => false,
    onCompleted() {},
    onFenced() {},
    onFree() {},
    onWaiting() {},
    noteRuns() {},
    onStarted: ({ runId }) => told.push(runId),
    onPlaceFree() {},
  });
  const begin = (runId: string, scheduled?: Scheduled, change: Partial<TakenRun> = {}) =>
    attempts.start(
      {
        runId,
        namespace: 'default',
        uid: 1,
        attempt: 1,
        scheduledFor: 0,
        trigger: 'schedule',
        firstStartedAt: null,
        inQuota: false,
        snapshot,
        ...{ origin: null, input: null },
        ...change,
      },
      'me',
      scheduled,
    );
  const endAll = async () => {
    while (ends.length > 0) {
      ends.shift()?.();
      await runDueCallbacks();
    }
  };
  return { attempts, started, completed, told, begin, endAll };
}

test('what waits for a slot starts by effective_due_at, and what has none before it', async () => {
  const { attempts, started, begin, endAll } = start(1);
  const ranked = (runId: string, effectiveDueAt: number) => begin(runId, { effectiveDueAt, nextAt: Infinity });
  ranked('first', 9);
  ranked('a', 5);
  ranked('b', 7);
  ranked('c', 5);
  ranked('urgent', 1);
  begin('taken');
  ranked('d', 7);
  await endAll();
  expect(started).toEqual(['first', 'taken', 'urgent', 'a', 'c', 'b', 'd']);
  expect([attempts.free(), attempts.running()]).toEqual([1, 0]);
});

test.each<[string, number, Scheduled | undefined, Partial<TakenRun>, Outcome]>([
  ['a plain success may wait', 1_500, { effectiveDueAt: 0, nextAt: Infinity }, {}, fine],
  ['not into the next occurrence, which asks for it', 1_150, { effectiveDueAt: 0, nextAt: 1_400 }, {}, fine],
  ['what somebody triggered may not', 1_000, undefined, { trigger: 'manual' }, fine],
  ['what failed may not', 1_000, { effectiveDueAt: 0, nextAt: Infinity }, {}, { ...fine, status: 'failed' }],
  [
    'what others wait in line for may not',
    1_000,
    { effectiveDueAt: 0, nextAt: Infinity },
    { snapshot: { ...snapshot, queues: true } },
    fine,
  ],
  [
    'what has limits or hooks may not',
    1_000,
    { effectiveDueAt: 0, nextAt: Infinity },
    { snapshot: { ...snapshot, policies: {} } },
    fine,
  ],
])('of outcomes, while calls wait, %s', async (_what, until, scheduled, change, outcome) => {
  const { completed, begin, endAll } = start(1, outcome);
  begin('run', scheduled, change);
  await endAll();
  expect(completed.map(({ deferUntil }) => deferUntil)).toEqual([until]);
});

test('calls wait while many are under way and end quickly', async () => {
  const { attempts, begin, endAll } = start(200);
  for (let run = 0; run < 100; run++) begin(`quick ${run}`);
  expect(attempts.callsWait()).toBe(false);
  await endAll();
  expect(attempts.callsWait()).toBe(false);
  for (let run = 0; run < 100; run++) begin(`under way ${run}`);
  expect(attempts.callsWait()).toBe(true);
});

test('an attempt that is put off without a call is not told to have started', () => {
  const [called, putOff] = [start(1), start(1, fine, true)];
  called.begin('a');
  putOff.begin('b');
  expect([called.told, putOff.told]).toEqual([['a'], []]);
});
