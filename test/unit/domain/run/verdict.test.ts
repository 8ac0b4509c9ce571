import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verdictOfLost } from '../../../../src/domain/run/lost.ts';
import { errorKinds } from '../../../../src/domain/run/run.ts';
import { type EarlyEnd, type EndedAttempt, timeoutOf, verdictOf } from '../../../../src/domain/run/verdict.ts';
import { backoffs, type Retry, retryKinds } from '../../../../src/domain/task/task.ts';

const retries: fc.Arbitrary<Retry> = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 9 }),
  backoff: fc.constantFrom(...backoffs),
  minBackoff: fc.constantFrom('0s', '10ms', '1s'),
  maxBackoff: fc.constantFrom('1s', '5m'),
  maxDuration: fc.constantFrom(null, '1ms', '10s', '1h'),
  multiplier: fc.double({ min: 1, max: 5, noNaN: true }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  retryOn: fc.subarray([...retryKinds]),
});
const started = 1_000_000;
const ends: fc.Arbitrary<EndedAttempt> = fc
  .record({
    attempt: fc.integer({ min: 1, max: 9 }),
    maxAttempts: fc.integer({ min: 1, max: 9 }),
    finishedAt: fc.integer({ min: started, max: started + 7_200_000 }),
    firstStartedAt: fc.constant(started),
    status: fc.constantFrom('succeeded', 'failed', 'timed_out', 'cancelled'),
    error: fc.record({ kind: fc.constantFrom(...errorKinds), message: fc.string() }),
    retryAfterMs: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
    isFinal: fc.boolean(),
  })
  .map((end) => ({ ...end, error: end.status === 'succeeded' ? null : end.error }) as EndedAttempt);
const earlyEnds: fc.Arbitrary<EarlyEnd> = fc.constantFrom(null, { kind: 'shutdown' }, { kind: 'cancel', reason: 'me' });
const random01 = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('another attempt follows only where one is left, wanted, allowed, and within the time of the run', () => {
  fc.assert(
    fc.property(ends, retries, earlyEnds, random01, (end, retry, early, random) => {
      const verdict = verdictOf(end, retry, early, random);
      expect(verdict.status === 'retrying').toBe(verdict.retryAt !== null);
      if (verdict.retryAt === null) return;
      expect(end.attempt).toBeLessThan(end.maxAttempts);
      expect(end.status).not.toBe('succeeded');
      expect(verdict.retryAt).toBeGreaterThanOrEqual(end.finishedAt);
      const handedBack = early?.kind === 'shutdown' && end.status === 'cancelled';
      if (handedBack) return;
      expect(end.status).not.toBe('cancelled');
      expect(end.isFinal).toBe(false);
      const most = { null: Infinity, '1ms': 1, '10s': 10_000, '1h': 3_600_000 }[String(retry.maxDuration)] as number;
      expect(verdict.retryAt - started).toBeLessThan(most);
    }),
  );
});

test('a run whose attempt was handed back is lost only when no attempt is left', () => {
  fc.assert(
    fc.property(ends, retries, random01, (end, retry, random) => {
      const verdict = verdictOf({ ...end, status: 'cancelled' }, retry, { kind: 'shutdown' }, random);
      expect(verdict).toMatchObject({
        status: end.attempt < end.maxAttempts ? 'retrying' : 'lost',
        attemptStatus: 'lost',
        reason: 'shutdown',
      });
    }),
  );
});

test('a lost attempt is followed at once by another, while one is left and nobody asked to cancel the run', () => {
  fc.assert(
    fc.property(ends, fc.boolean(), ({ attempt, maxAttempts, finishedAt }, cancelRequested) => {
      const verdict = verdictOfLost({ attempt, maxAttempts, finishedAt, cancelRequested }, 'it died', 'no lease');
      expect(verdict).toMatchObject({ attemptStatus: 'lost', error: { kind: 'lost', message: 'it died' } });
      expect(verdict).toMatchObject(
        cancelRequested
          ? { status: 'cancelled', reason: null, retryAt: null }
          : attempt < maxAttempts
            ? { status: 'retrying', reason: 'no lease', retryAt: finishedAt }
            : { status: 'lost', reason: 'no lease', retryAt: null },
      );
    }),
  );
});

test('what was cancelled stays cancelled, with who did it', () => {
  fc.assert(
    fc.property(ends, retries, random01, (end, retry, random) => {
      const verdict = verdictOf({ ...end, status: 'cancelled' }, retry, { kind: 'cancel', reason: 'me' }, random);
      expect(verdict).toMatchObject({ status: 'cancelled', attemptStatus: 'cancelled', reason: 'me', retryAt: null });
    }),
  );
});

test('an attempt gets its own timeout, cut at the end of the run', () => {
  expect(timeoutOf(30_000, null, 99_999)).toBe(30_000);
  expect(timeoutOf(30_000, 60_000, 10_000)).toBe(30_000);
  expect(timeoutOf(30_000, 60_000, 50_000)).toBe(10_000);
  expect(timeoutOf(30_000, 60_000, 60_000)).toBe(0);
});
