import { beforeEach, describe, expect, test } from 'vitest';
import { createBreakers } from '../../src/executors/breakers.ts';
import type { Attempt, Executor, Outcome } from '../../src/executors/executor.ts';
import { attemptOn } from './harness.ts';

const ended = (change: Partial<Outcome>): Outcome => ({
  ...{ status: 'succeeded', httpStatus: 200, output: '', truncated: false, error: null, retryAfterMs: null },
  ...{ isFinal: false, viaFallback: false, postponeMs: null },
  ...change,
});
const fine = ended({});
const dead = ended({ status: 'failed', error: { kind: 'unavailable', message: 'no' } });
const slow = ended({ status: 'timed_out', error: { kind: 'timeout', message: 'no' } });
const rude = ended({ status: 'failed', error: { kind: 'rejected', message: 'no' } });
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

function create(random = 0) {
  const breakers = createBreakers({
    monotonic: () => now,
    random: () => random,
    threshold: 0.8,
    windowMs: 10_000,
    minimumCalls: 10,
    cooldownMs: 5_000,
    onChange: (origin, state) => changes.push(`${origin} ${state}`),
  });
  const execute: Executor = (attempt) => {
    calls.push(attempt);
    const answer = answers.get(new URL(attempt.target.url).origin) ?? fine;
    return { outcome: Promise.resolve(answer), cancel() {} };
  };
  const guarded = breakers.guard(execute);
  return { ...breakers, call: (attempt: Attempt) => guarded(attempt).outcome };
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
    expect(await call(alsoOne)).toMatchObject({ status: 'postponed', postponeMs: 5_000 });
    expect(await call(two)).toEqual(fine);
    expect(calls).toEqual([two]);
    expect(changes).toEqual(['http://one.example open']);
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

  test('lets one call try after its cooldown, and closes when that one is answered', async () => {
    const { call, states } = await opened();
    now += 4_999;
    expect(await call(one)).toMatchObject({ status: 'postponed', postponeMs: 1 });
    now += 1;
    let answer = (_: Outcome) => {};
    answers.set('http://one.example', new Promise<Outcome>((resolve) => (answer = resolve)));
    const probe = call(one);
    expect(states()).toMatchObject([{ state: 'half_open' }]);
    expect(await call(one)).toMatchObject({ status: 'postponed', postponeMs: 500 });
    answer(rude);
    expect(await probe).toEqual(rude);
    expect(states()).toEqual([]);
    answers.set('http://one.example', fine);
    expect(await call(one)).toEqual(fine);
    expect(calls).toHaveLength(2);
    expect(changes).toEqual(['http://one.example open', 'http://one.example half_open', 'http://one.example closed']);
  });

  test('opens again when the call that tries fails, and tries again when it was withdrawn', async () => {
    const { call } = await opened();
    now += 5_000;
    answers.set('http://one.example', withdrawn);
    expect(await call(one)).toEqual(withdrawn);
    answers.set('http://one.example', dead);
    expect(await call(one)).toEqual(dead);
    expect(await call(one)).toMatchObject({ status: 'postponed', postponeMs: 5_000 });
    expect(calls).toHaveLength(2);
  });

  test('spreads what it postpones over another cooldown', async () => {
    const { call } = create(0.5);
    answers.set('http://one.example', dead);
    for (let time = 0; time < 10; time++) await call(one);
    expect(await call(one)).toMatchObject({ postponeMs: 7_500 });
  });
});

describe('a fallback', () => {
  const withFallback = { ...one, fallback: two.target };

  test('is called while the circuit is open, and the outcome says so', async () => {
    const { call } = await opened();
    expect(await call(withFallback)).toEqual({ ...fine, viaFallback: true });
    expect(calls).toEqual([{ ...withFallback, target: two.target }]);
  });

  test('is left alone while the circuit is closed, or its own is open', async () => {
    const { call } = await opened();
    answers.set('http://two.example', dead);
    for (let time = 0; time < 10; time++) await call(two);
    calls = [];
    expect(await call(withFallback)).toMatchObject({ status: 'postponed' });
    expect(calls).toEqual([]);
    const closed = create();
    await closed.call(withFallback);
    expect(calls).toEqual([withFallback]);
  });
});

test('a thousand origins are remembered, not more', async () => {
  const { call } = create();
  for (let place = 0; place < 3_000; place++) await call(attemptOn({ url: `http://host-${place}.example/` }));
  answers.set('http://last.example', dead);
  for (let time = 0; time < 10; time++) await call(attemptOn({ url: 'http://last.example/' }));
  expect(await call(attemptOn({ url: 'http://last.example/' }))).toMatchObject({ status: 'postponed' });
});
