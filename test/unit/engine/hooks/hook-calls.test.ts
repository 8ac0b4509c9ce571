import { describe, expect, test } from 'vitest';
import { createCallSlots } from '../../../../src/engine/attempts/call-slots.ts';
import type { DatabaseTime } from '../../../../src/engine/cluster/database-time.ts';
import { beforeChecks } from '../../../../src/engine/hooks/checks.ts';
import { hookDeliveries } from '../../../../src/engine/hooks/deliverer.ts';
import { hookAttempt } from '../../../../src/engine/hooks/hook-attempt.ts';
import { type HookWork, startHookCalls } from '../../../../src/engine/hooks/hook-calls.ts';
import type { Outcome } from '../../../../src/executors/executor.ts';
import type { DueDelivery } from '../../../../src/store/events/deliveries.ts';
import type { Queryable } from '../../../../src/store/postgres/database.ts';
import type { DueCheck } from '../../../../src/store/runs/claiming/checks.ts';
import { createClock, type HandClock, runDueCallbacks } from '../../../clock.ts';
import { httpRegistry, urlOf } from '../../../http-targets.ts';
import { silent } from '../../../silent-log.ts';

describe('the slots of calls', () => {
  const bounds = { total: 10, perOrigin: 4, perSlowOrigin: 2, slowMs: 1_000 };

  test('are so many in all and so many for one origin', () => {
    const slots = createCallSlots({ monotonic: () => 0, ...bounds });
    const leave = Array.from({ length: 4 }, () => slots.enter('http://a'));
    expect([slots.refusal('http://a'), slots.refusal('http://b'), slots.free()]).toEqual(['busy', null, 6]);
    leave[1]?.();
    expect([slots.refusal('http://a'), slots.free()]).toEqual([null, 7]);
  });

  test('are refused to an origin whose calls take long, until they are over', () => {
    let now = 0;
    const slots = createCallSlots({ monotonic: () => now, ...bounds });
    const first = slots.enter('http://a');
    slots.enter('http://a');
    now = 1_000;
    expect(slots.refusal('http://a')).toBeNull();
    now = 1_001;
    expect([slots.refusal('http://a'), slots.refusal('http://b')]).toEqual(['slow', null]);
    first();
    expect(slots.refusal('http://a')).toBeNull();
  });
});

type Row = { id: number; url: string | null };

/** Calls in the hands of the test: `answer` ends the oldest one to a URL. */
function setUp() {
  const clock = createClock();
  const due: Row[] = [];
  const taken: number[] = [];
  const written: string[] = [];
  const underWay: { url: string; end: (outcome: Outcome) => void }[] = [];
  let down: Error | null = null;
  /** Called amid a write. */
  let meanwhile = () => {};
  let held = true;
  const outcome: Outcome = {
    status: 'succeeded',
    detail: { httpStatus: 200 },
    output: '',
    truncated: false,
    error: null,
    retryAfterMs: null,
    isFinal: false,
    viaFallback: false,
    deferred: null,
    held: null,
  };
  const work: HookWork<Row, string> = {
    name: 'calls',
    bounds: { total: 6, perOrigin: 3, perSlowOrigin: 2, slowMs: 1_000 },
    async take(limit) {
      taken.push(limit);
      return due.splice(0, limit);
    },
    call: ({ id, url }) =>
      url === null
        ? null
        : hookAttempt(
            { timeout: '10s' },
            httpRegistry.hookTarget({ url, headers: {} }, { contentType: 'application/json', body: {} }),
            {
              namespace: 'default',
              taskId: 't',
              runId: 'r',
              scheduledFor: 0,
              trigger: 'manual',
              attempt: 1,
              messageId: String(id),
            },
          ),
    answered: ({ id }, how) => `${id} ${how?.detail?.httpStatus ?? 'none'}`,
    putBack: ({ id }, why, _now, pauseMs) => (pauseMs === 0 ? `${id} ${why}` : `${id} ${why} for ${pauseMs}`),
    async write(ends) {
      if (down) throw down;
      const batch = [...ends];
      meanwhile();
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      written.push(...batch);
    },
  };
  const loop = startHookCalls(work, {
    clock,
    time: { now: clock.now } as DatabaseTime,
    log: silent,
    lease: { held: () => held },
    executors: {
      ...httpRegistry,
      start({ target }) {
        let end = (_: Outcome) => {};
        const promise = new Promise<Outcome>((resolve) => {
          end = resolve;
        });
        underWay.push({ url: urlOf(target), end });
        return { outcome: promise, cancel: () => end({ ...outcome, status: 'cancelled', detail: null }) };
      },
    },
  });
  return {
    clock,
    due,
    taken,
    written,
    loop,
    underWay,
    async answer(url: string, httpStatus = 200) {
      const place = underWay.findIndex((call) => call.url === url);
      underWay.splice(place, 1)[0]?.end({ ...outcome, detail: { httpStatus } });
      await runDueCallbacks();
    },
    async putOff(url: string, ms: number) {
      const place = underWay.findIndex((call) => call.url === url);
      const deferred = { ms, cause: 'origin_full' as const };
      underWay.splice(place, 1)[0]?.end({ ...outcome, status: 'deferred', detail: null, deferred });
      await runDueCallbacks();
    },
    fail(error: Error | null) {
      down = error;
    },
    during(write: () => void) {
      meanwhile = write;
    },
    hold(is: boolean) {
      held = is;
    },
    async give(...rows: Row[]) {
      due.push(...rows);
      loop.wake();
      await clock.advance(0);
    },
  };
}

const rows = (from: number, count: number, url: string | null): Row[] =>
  Array.from({ length: count }, (_, place) => ({ id: from + place, url }));
const [a, b] = ['http://a/', 'http://b/'];
const pass = (clock: HandClock) => clock.advance(1_000);

describe('calls to hooks', () => {
  test('are made, and what came of them is written down with the next pass', async () => {
    const { give, answer, written, underWay } = setUp();
    await give(...rows(1, 2, a), ...rows(3, 1, null));
    expect(underWay).toHaveLength(2);
    expect(written).toEqual(['3 none']);
    await answer(a, 503);
    await answer(a, 200);
    expect(written).toEqual(['3 none', '1 503', '2 200']);
  });

  test('that hang leave room for those to others, and are not heaped up', async () => {
    const { give, clock, written, underWay, answer } = setUp();
    await give(...rows(1, 6, a));
    // Three at once to one host; the rest soon again.
    expect(written).toEqual(['4 busy', '5 busy', '6 busy']);
    await clock.advance(1_001);
    await give(...rows(7, 2, a), ...rows(9, 1, b));
    expect(written.slice(3)).toEqual(['7 slow', '8 slow']);
    expect(underWay.map(({ url }) => url)).toEqual([a, a, a, b]);
    await answer(b);
    expect(written.at(-1)).toBe('9 200');
  });

  test('for which there was no connection are put back for as long as the executor asks', async () => {
    const { give, putOff, written, underWay } = setUp();
    await give(...rows(1, 1, a));
    await putOff(a, 2_100);
    expect(written).toEqual(['1 deferred for 2100']);
    expect(underWay).toEqual([]);
  });

  test('are never taken beyond the free slots, and not at all while none is free or the lease is lost', async () => {
    const { give, taken, clock, hold, answer } = setUp();
    await give(...rows(1, 3, a), ...rows(4, 3, b));
    // The second look is that at start.
    expect(taken.splice(0).at(-1)).toBe(6);
    await pass(clock);
    expect(taken).toEqual([]);
    await answer(a);
    expect(taken.splice(0)).toEqual([1]);
    hold(false);
    await pass(clock);
    expect(taken).toEqual([]);
  });

  test('are written down as soon as that is possible again, none twice and none lost', async () => {
    const { give, fail, answer, written, clock } = setUp();
    fail(new Error('connection refused'));
    await give(...rows(1, 2, a));
    await answer(a, 201);
    await pass(clock);
    await answer(a, 202);
    await pass(clock);
    expect(written).toEqual([]);
    fail(null);
    await pass(clock);
    expect(written).toEqual(['1 201', '2 202']);
    await pass(clock);
    expect(written).toHaveLength(2);
  });

  test('that end amid a write are written with the next', async () => {
    const { give, answer, during, written, clock } = setUp();
    await give(...rows(1, 2, a));
    during(() => {
      during(() => {});
      void answer(a, 202);
    });
    await answer(a, 201);
    await pass(clock);
    expect(written).toEqual(['1 201', '2 202']);
  });

  test('that Postgres refuses to write down do not stand in the way of the others', async () => {
    const { give, fail, answer, written, clock } = setUp();
    await give(...rows(1, 2, a));
    fail(Object.assign(new Error('invalid byte sequence'), { code: '22021' }));
    await answer(a, 201);
    fail(null);
    await pass(clock);
    await answer(a, 202);
    expect(written).toEqual(['2 202']);
  });

  test('are let end for a moment at the end, and then put back', async () => {
    const { give, loop, answer, written, clock } = setUp();
    await give(...rows(1, 2, a));
    const stopping = loop.stop();
    await runDueCallbacks();
    await answer(a);
    expect(written).toEqual([]);
    await clock.advance(1_000);
    await stopping;
    expect(written).toEqual(['1 200', '2 shutdown']);
  });
});

const delivery: DueDelivery = {
  ...{ id: 'd', hook: 'onFailure', task: null, call: null, signing: null, runId: null, run: null, data: null },
  ...{ attempt: 3, createdAt: 0, until: 1 },
};
const check: DueCheck = {
  ...{
    namespace: 'default',
    runId: 'r',
    taskId: 't',
    scheduledFor: 0,
    trigger: 'schedule',
    hook: null,
    signing: null,
    until: 1,
  },
};

test('a hook that was not called is told later, and neither a delivery nor a check counts it as a try', () => {
  const db = {} as Queryable;
  const noted: unknown[] = [];
  const note = (...what: unknown[]) => void noted.push(what);
  const log = silent;
  const { hookTarget } = httpRegistry;
  const deliveries = hookDeliveries({ db, log, hookTarget, random: () => 0, onCalled: note });
  expect(deliveries.putBack(delivery, 'deferred', 1_000, 2_100)).toEqual({
    ...{ id: 'd', until: 1, attempt: 3, failure: null },
    dueAt: 3_100,
  });
  const checks = beforeChecks({ db, hookTarget, onChecked: note, onSkipped: note, noteRuns: note, onWaiting: note });
  expect(checks.putBack(check, 'deferred', 1_000, 2_100)).toEqual({
    ...{ runId: 'r', namespace: check.namespace, taskId: check.taskId, until: 1, skipReason: null },
    askAgainAt: 3_100,
  });
  expect(noted).toEqual([]);
});
