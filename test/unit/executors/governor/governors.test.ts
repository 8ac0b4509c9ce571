import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Attempt, Executor, Outcome } from '../../../../src/executors/executor.ts';
import { createGovernors } from '../../../../src/executors/governor/governors.ts';
import { createClock } from '../../../clock.ts';
import { urlOf } from '../../../http-targets.ts';
import { attemptOn } from '../http/harness.ts';

const ended = (change: Partial<Outcome>): Outcome => ({
  ...{
    status: 'succeeded',
    detail: { httpStatus: 200 },
    output: '',
    truncated: false,
    error: null,
    retryAfterMs: null,
  },
  ...{ isFinal: false, viaFallback: false, deferred: null, held: null },
  ...change,
});
const fine = ended({});
const dead = ended({ status: 'failed', error: { kind: 'unavailable', message: 'no' } });
const slow = ended({ status: 'timed_out', error: { kind: 'timeout', message: 'no' } });
const rude = ended({ status: 'failed', error: { kind: 'rejected', message: 'no' } });
const notCalled = ended({ status: 'deferred', deferred: { ms: 2_000, cause: 'origin_full' } });
const withdrawn = ended({ status: 'cancelled', error: { kind: 'cancelled', message: 'no' } });

const one = attemptOn({ url: 'http://one.example/a' });
const alsoOne = attemptOn({ url: 'http://one.example/b' });
const two = attemptOn({ url: 'http://two.example/' });

let now = 0;
let answers: Map<string, Outcome | Promise<Outcome>>;
let calls: Attempt[];
let changes: string[];
beforeEach(() => {
  now = 1_000;
  answers = new Map();
  calls = [];
  changes = [];
});

afterEach(() => void vi.useRealTimers());

function create(random = 0) {
  const governors = createGovernors({
    clock: { ...createClock(), monotonic: () => now },
    random: () => random,
    most: 64,
    weightOf: () => 1,
    circuit: { threshold: 0.8, windowMs: 10_000, minimumCalls: 10, cooldownMs: 5_000 },
    onDeferred: () => {},
    onChange: (group, from, to) => changes.push(`${group} ${from} ${to}`),
  });
  const execute: Executor = (attempt) => {
    calls.push(attempt);
    const answer = answers.get(new URL(urlOf(attempt.target)).origin) ?? fine;
    return { outcome: Promise.resolve(answer), cancel() {} };
  };
  const guarded = governors.guard(execute, (target) => new URL(urlOf(target)).origin);
  return { ...governors, call: (attempt: Attempt) => guarded(attempt).outcome };
}

async function opened(answer = dead) {
  const breakers = create();
  answers.set('http://one.example', answer);
  for (let call = 0; call < 10; call++) await breakers.call(one);
  calls = [];
  return breakers;
}

describe('a circuit', () => {
  test.each([
    ['dead', dead],
    ['slow', slow],
  ])('opens to a target that is %s, for all of its origin and for no other', async (_, answer) => {
    const { call, states } = await opened(answer);
    expect(states()).toEqual([{ origin: 'http://one.example', state: 'open', openedMsAgo: 0 }]);
    expect(await call(alsoOne)).toMatchObject({ status: 'deferred', deferred: { ms: 5_000 } });
    expect(await call(two)).toEqual(fine);
    expect(calls).toEqual([two]);
    expect(changes).toEqual(['http://one.example closed open']);
  });

  test('stays closed to a target that answers, however rudely, and counts nothing that was withdrawn', async () => {
    for (const answer of [rude, withdrawn]) {
      const { call, states } = create();
      answers.set('http://one.example', answer);
      for (let time = 0; time < 100; time++) await call(one);
      expect(states()).toEqual([]);
    }
    expect(calls).toHaveLength(200);
  });

  test('stays closed while too few calls fail, or too small a share of them', async () => {
    const { call, states } = create();
    answers.set('http://one.example', dead);
    for (let time = 0; time < 9; time++) await call(one);
    expect(states()).toEqual([]);
    const other = create();
    for (let time = 0; time < 100; time++) {
      answers.set('http://one.example', time % 4 === 0 ? fine : dead);
      await other.call(one);
    }
    expect(other.states()).toEqual([]);
  });

  test('does not add up the failures of different windows, however few calls there are', async () => {
    const { call, states } = create();
    answers.set('http://one.example', dead);
    for (let window = 0; window < 20; window++) {
      for (let time = 0; time < 9; time++) await call(one);
      now += 10_000;
    }
    expect(states()).toEqual([]);
    for (let time = 0; time < 10; time++) await call(one);
    expect(states()).toMatchObject([{ state: 'open' }]);
  });

  test('does not mind the clock on the wall', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { call, states } = create();
    answers.set('http://one.example', dead);
    for (let time = 0; time < 9; time++) {
      vi.setSystemTime(Date.now() + (time % 2 === 0 ? 86_400_000 : -172_800_000));
      await call(one);
    }
    expect(states()).toEqual([]);
    await call(one);
    expect(states()).toMatchObject([{ state: 'open' }]);
  });

  test('lets one call try after its cooldown, and closes when that one is answered', async () => {
    const { call, states } = await opened();
    now += 4_999;
    expect(await call(one)).toMatchObject({ status: 'deferred', deferred: { ms: 1 } });
    now += 1;
    let answer = (_: Outcome) => {};
    answers.set('http://one.example', new Promise<Outcome>((resolve) => (answer = resolve)));
    const probe = call(one);
    expect(states()).toMatchObject([{ state: 'half_open' }]);
    expect(await call(one)).toMatchObject({ status: 'deferred', deferred: { ms: 500 } });
    answer(rude);
    expect(await probe).toEqual(rude);
    expect(states()).toEqual([]);
    answers.set('http://one.example', fine);
    expect(await call(one)).toEqual(fine);
    expect(calls).toHaveLength(2);
    expect(changes).toEqual([
      'http://one.example closed open',
      'http://one.example open open',
      'http://one.example open closed',
    ]);
  });

  test('opens again when the call that tries fails, and tries again when it was withdrawn', async () => {
    const { call } = await opened();
    now += 5_000;
    answers.set('http://one.example', withdrawn);
    expect(await call(one)).toEqual(withdrawn);
    answers.set('http://one.example', dead);
    expect(await call(one)).toEqual(dead);
    expect(await call(one)).toMatchObject({ status: 'deferred', deferred: { ms: 5_000 } });
    expect(calls).toHaveLength(2);
  });

  test('learns nothing from calls that were not made, and lets another try', async () => {
    const { call, states } = create();
    answers.set('http://one.example', dead);
    for (let time = 0; time < 9; time++) await call(one);
    answers.set('http://one.example', notCalled);
    for (let time = 0; time < 100; time++) expect(await call(one)).toEqual(notCalled);
    answers.set('http://one.example', dead);
    await call(one);
    expect(states()).toMatchObject([{ state: 'open' }]);
    now += 5_000;
    answers.set('http://one.example', notCalled);
    expect(await call(one)).toEqual(notCalled);
    expect(states()).toMatchObject([{ state: 'open' }]);
    answers.set('http://one.example', fine);
    expect(await call(one)).toEqual(fine);
    expect(states()).toEqual([]);
  });

  test('lets another call try when the one that tries does not end', async () => {
    const { call, states } = await opened();
    const ends: ((outcome: Outcome) => void)[] = [];
    const hanging = () => answers.set('http://one.example', new Promise<Outcome>((resolve) => ends.push(resolve)));
    now += 5_000;
    hanging();
    const first = call(one);
    now += 29_999;
    expect(await call(one)).toMatchObject({ status: 'deferred', deferred: { ms: 500 } });
    now += 1;
    hanging();
    const second = call(one);
    expect(calls).toHaveLength(2);
    // The first one's failure says nothing that the second will not say better.
    ends[0]?.(slow);
    await first;
    expect(await call(one)).toMatchObject({ status: 'deferred', deferred: { ms: 500 } });
    ends[1]?.(fine);
    await second;
    expect(states()).toEqual([]);
  });

  test('is not opened by one that tried and failed after another had closed it', async () => {
    const { call, states } = await opened();
    const ends: ((outcome: Outcome) => void)[] = [];
    now += 5_000;
    answers.set('http://one.example', new Promise<Outcome>((resolve) => ends.push(resolve)));
    const first = call(one);
    now += 30_000;
    answers.set('http://one.example', fine);
    await call(one);
    ends[0]?.(slow);
    await first;
    expect(states()).toEqual([]);
  });

  test('is neither closed nor kept open by calls that were under way when it opened', async () => {
    const { call, states } = create();
    const ends: ((outcome: Outcome) => void)[] = [];
    const under = [fine, dead].map((outcome) => {
      answers.set('http://one.example', new Promise<Outcome>((resolve) => ends.push(() => resolve(outcome))));
      return call(one);
    });
    answers.set('http://one.example', dead);
    for (let time = 0; time < 10; time++) await call(one);
    now += 4_000;
    for (const end of ends) end(fine);
    await Promise.all(under);
    expect(states()).toMatchObject([{ state: 'open', openedMsAgo: 4_000 }]);
  });

  test('spreads what it postpones over another cooldown', async () => {
    const { call } = create(0.5);
    answers.set('http://one.example', dead);
    for (let time = 0; time < 10; time++) await call(one);
    expect(await call(one)).toMatchObject({ deferred: { ms: 7_500 } });
  });
});

describe('a fallback', () => {
  const withFallback = { ...one, fallback: two.target };

  test('is called while the circuit is open, and the outcome says so', async () => {
    const { call } = await opened();
    expect(await call(withFallback)).toEqual({ ...fine, viaFallback: true });
    expect(calls).toEqual([{ ...withFallback, target: two.target }]);
  });

  test('at the same origin is no way out', async () => {
    const { call } = await opened();
    expect(await call({ ...one, fallback: alsoOne.target })).toMatchObject({ status: 'deferred' });
    expect(calls).toEqual([]);
  });

  test('opens and closes the circuit of its own origin', async () => {
    const { call, states } = await opened();
    answers.set('http://two.example', dead);
    for (let time = 0; time < 10; time++) await call(withFallback);
    expect(states()).toMatchObject([{ origin: 'http://one.example' }, { origin: 'http://two.example' }]);
    now += 5_000;
    answers.set('http://two.example', fine);
    answers.set('http://one.example', new Promise(() => {}));
    void call(one);
    expect(await call(withFallback)).toEqual({ ...fine, viaFallback: true });
    expect(states()).toMatchObject([{ origin: 'http://one.example', state: 'half_open' }]);
  });

  test('is left alone while the circuit is closed, or its own is open', async () => {
    const { call } = await opened();
    answers.set('http://two.example', dead);
    for (let time = 0; time < 10; time++) await call(two);
    calls = [];
    expect(await call(withFallback)).toMatchObject({ status: 'deferred' });
    expect(calls).toEqual([]);
    const closed = create();
    await closed.call(withFallback);
    expect(calls).toEqual([withFallback]);
  });
});

test('a call that finds no slot is known to be deferred from the start, also behind the governor', () => {
  const { guard } = create();
  const full: Executor = () => ({ outcome: Promise.resolve(notCalled), cancel() {}, isDeferred: true });
  expect(guard(full, () => 'one')(one).isDeferred).toBe(true);
});

test('a thousand origins are remembered, not more, and those that are open longest', async () => {
  const { call, states } = await opened();
  for (let place = 0; place < 3_000; place++) {
    now++;
    await call(attemptOn({ url: `http://host-${place}.example/` }));
  }
  expect(states()).toMatchObject([{ origin: 'http://one.example' }]);
  for (let place = 0; place < 3_000; place++) {
    const url = `http://dead-${place}.example/`;
    answers.set(new URL(url).origin, dead);
    for (let time = 0; time < 10; time++) await call(attemptOn({ url }));
  }
  expect(states().length).toBeLessThanOrEqual(1_024);
  expect(states().at(-1)?.origin).toBe('http://dead-2999.example');
});

test('a group that nobody calls for a minute is forgotten with its slots, an open one keeps its state', async () => {
  const clock = createClock();
  const destroyed: string[] = [];
  const governors = createGovernors({
    ...{ clock, random: () => 0, most: 64, weightOf: () => 1, onDeferred: () => {}, onChange: () => {} },
    circuit: { threshold: 0.8, windowMs: 10_000, minimumCalls: 1, cooldownMs: 5_000 },
  });
  for (const group of ['one', 'two', 'busy'])
    governors.of(group).enter(
      {
        open: () => ({ takenAt: 0, leftAt: 0, namespace: '', destroy: () => destroyed.push(group) }),
        start: (slot) => group === 'busy' || governors.of(group).leave(slot, true),
        refuse: () => {},
      },
      'default',
    );
  const [one, two, busy] = ['one', 'two', 'busy'].map(governors.of);
  two?.learn(null, true);
  await clock.advance(59_999);
  expect(destroyed).toEqual([]);
  await clock.advance(1);
  expect(destroyed).toEqual(['one', 'two']);
  expect([governors.of('one') === one, governors.of('two') === two, governors.of('busy') === busy]).toEqual([
    ...[false, true, true],
  ]);
  expect(governors.states()).toEqual([{ origin: 'two', state: 'open', openedMsAgo: 60_000 }]);
});
