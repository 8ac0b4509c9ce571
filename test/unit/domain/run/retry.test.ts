import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FailedAttempt, pauseBeforeRetry } from '../../../../src/domain/run/retry.ts';
import { errorKinds } from '../../../../src/domain/run/run.ts';
import { backoffs, type Retry, retryKinds } from '../../../../src/domain/task/task.ts';

const retry = (change: Partial<Retry>): Retry => ({
  maxAttempts: 10,
  backoff: 'exponential',
  minBackoff: '1s',
  maxBackoff: '5m',
  maxDuration: null,
  multiplier: 2,
  jitter: 0,
  retryOn: [...retryKinds],
  ...change,
});
const failed = (attempt: number, change: Partial<FailedAttempt> = {}): FailedAttempt => ({
  attempt,
  maxAttempts: 10,
  kind: 'rejected',
  retryAfterMs: null,
  spentMs: 0,
  ...change,
});
const pauses = (policy: Retry, count: number) =>
  Array.from({ length: count }, (_, place) => pauseBeforeRetry(policy, failed(place + 1), 0.5));

const random01 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const policies = fc
  .record({
    backoff: fc.constantFrom(...backoffs),
    bounds: fc.tuple(fc.nat(3_600_000), fc.nat(3_600_000)),
    multiplier: fc.double({ min: 1, max: 100, noNaN: true }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ bounds, ...rest }) => {
    const [least, most] = [Math.min(...bounds), Math.max(...bounds)];
    return { least, most, policy: retry({ ...rest, minBackoff: `${least}ms`, maxBackoff: `${most}ms` }) };
  });

describe('the pause before the next attempt', () => {
  test('grows as its policy says, up to maxBackoff', () => {
    const bounds = { minBackoff: '1s', maxBackoff: '5s' };
    expect(pauses(retry({ ...bounds, backoff: 'exponential', multiplier: 2 }), 5)).toEqual([
      1_000, 2_000, 4_000, 5_000, 5_000,
    ]);
    expect(pauses(retry({ ...bounds, backoff: 'exponential', multiplier: 1.5 }), 3)).toEqual([1_000, 1_500, 2_250]);
    expect(pauses(retry({ ...bounds, backoff: 'linear' }), 6)).toEqual([1_000, 2_000, 3_000, 4_000, 5_000, 5_000]);
    expect(pauses(retry({ ...bounds, backoff: 'fixed' }), 3)).toEqual([1_000, 1_000, 1_000]);
  });

  test('is a whole number of milliseconds between nothing and maxBackoff, whatever the policy', () => {
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 1, max: 99 }),
        fc.option(fc.nat(10_000_000)),
        random01,
        ({ policy, most }, attempt, retryAfterMs, random) => {
          const pause = pauseBeforeRetry(policy, failed(attempt, { maxAttempts: 100, retryAfterMs }), random) as number;
          expect(Number.isInteger(pause)).toBe(true);
          expect(pause).toBeGreaterThanOrEqual(0);
          expect(pause).toBeLessThanOrEqual(most);
        },
      ),
    );
  });

  test('is spread by the jitter to both sides, evenly, and not at all without it', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 9 }), random01, ({ policy, most }, attempt, random) => {
        const plain = pauseBeforeRetry({ ...policy, jitter: 0 }, failed(attempt), random) as number;
        expect(pauseBeforeRetry({ ...policy, jitter: 0 }, failed(attempt), 0)).toBe(plain);
        const spread = pauseBeforeRetry(policy, failed(attempt), random) as number;
        expect(spread).toBeGreaterThanOrEqual(Math.floor(plain * (1 - policy.jitter)) - 1);
        expect(spread).toBeLessThanOrEqual(Math.min(most, Math.ceil(plain * (1 + policy.jitter)) + 1));
      }),
    );
    const policy = retry({ backoff: 'fixed', minBackoff: '10s', maxBackoff: '1m', jitter: 0.2 });
    expect([0, 0.25, 0.5, 0.75].map((random) => pauseBeforeRetry(policy, failed(1), random))).toEqual([
      8_000, 9_000, 10_000, 11_000,
    ]);
  });

  test('is at least what the target asked for, as far as maxBackoff goes', () => {
    const policy = retry({ backoff: 'fixed', minBackoff: '1s', maxBackoff: '1m' });
    const pause = (retryAfterMs: number | null) => pauseBeforeRetry(policy, failed(1, { retryAfterMs }), 0.5);
    expect([pause(null), pause(0), pause(500), pause(1_500), pause(60_000), pause(86_400_000)]).toEqual([
      1_000, 1_000, 1_000, 1_500, 60_000, 60_000,
    ]);
  });
});

describe('there is no next attempt', () => {
  test('when the last one is used up', () => {
    expect(pauseBeforeRetry(retry({}), failed(10), 0.5)).toBeNull();
    expect(pauseBeforeRetry(retry({}), failed(9), 0.5)).not.toBeNull();
    expect(pauseBeforeRetry(retry({}), failed(1, { maxAttempts: 1 }), 0.5)).toBeNull();
    expect(pauseBeforeRetry(retry({}), failed(1, { maxAttempts: 1, kind: 'lost', retryAfterMs: 5 }), 0.5)).toBeNull();
  });

  test('when the policy does not name what went wrong; a dead replica is no matter of policy', () => {
    fc.assert(
      fc.property(fc.subarray([...retryKinds]), fc.constantFrom(...errorKinds), (retryOn, kind) => {
        const pause = pauseBeforeRetry(retry({ retryOn }), failed(1, { kind }), 0.5);
        expect(pause !== null).toBe(kind === 'lost' || (retryOn as string[]).includes(kind));
      }),
    );
  });
});
