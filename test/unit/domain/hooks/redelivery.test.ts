import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  judgeDelivery,
  pauseBeforeRedelivery,
  type TriedDelivery,
  triedForMs,
} from '../../../../src/domain/hooks/redelivery.ts';

const createdAt = 1_000_000;
const shares = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const failures: fc.Arbitrary<TriedDelivery> = fc.record({
  attempt: fc.integer({ min: 1, max: 100 }),
  createdAt: fc.constant(createdAt),
  now: fc.integer({ min: createdAt, max: createdAt + 2 * triedForMs }),
  succeeded: fc.constant(false),
  httpStatus: fc.option(fc.integer({ min: 300, max: 599 })),
  retryAfterMs: fc.option(fc.nat(3 * triedForMs)),
});
const isFinal = (status: number | null) => status === 410 || status === 489;

describe('a call to a hook', () => {
  test('that got through is delivered, however late', () => {
    fc.assert(
      fc.property(failures, shares, (tried, random01) => {
        expect(judgeDelivery({ ...tried, succeeded: true, httpStatus: 204 }, random01)).toEqual({
          outcome: 'delivered',
        });
      }),
    );
  });

  test('that did not is made again within the day, or dropped: when the day is over, at 410 and at 489', () => {
    fc.assert(
      fc.property(failures, shares, (tried, random01) => {
        const verdict = judgeDelivery(tried, random01);
        const last = createdAt + triedForMs;
        expect(verdict.outcome).toBe(isFinal(tried.httpStatus) || tried.now >= last ? 'dropped' : 'retried');
        if (verdict.outcome !== 'retried') return;
        expect(verdict.dueAt).toBeGreaterThan(tried.now);
        expect(verdict.dueAt).toBeLessThanOrEqual(last);
        // Retry-After is honoured, as far as the day goes.
        expect(verdict.dueAt).toBeGreaterThanOrEqual(Math.min(tried.now + (tried.retryAfterMs ?? 0), last));
        if (tried.retryAfterMs === null)
          expect(verdict.dueAt).toBe(Math.min(tried.now + pauseBeforeRedelivery(tried.attempt, random01), last));
      }),
    );
    for (const httpStatus of [410, 489])
      expect(
        judgeDelivery({ attempt: 1, createdAt, now: createdAt, succeeded: false, httpStatus, retryAfterMs: 5 }, 0.5),
      ).toEqual({ outcome: 'dropped' });
  });

  test('waits a second, two, four … up to an hour, spread by a fifth', () => {
    const pauses = Array.from({ length: 14 }, (_, tries) => pauseBeforeRedelivery(tries + 1, 0.5) / 1_000);
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32_767 }), shares, (attempt, random01) => {
        const middle = pauseBeforeRedelivery(attempt, 0.5);
        const pause = pauseBeforeRedelivery(attempt, random01);
        expect(pause).toBeGreaterThanOrEqual(Math.floor(middle * 0.8));
        expect(pause).toBeLessThanOrEqual(Math.ceil(middle * 1.2));
        expect(Number.isInteger(pause)).toBe(true);
      }),
    );
  });

  test('that never gets through is tried some forty times, the last time after exactly a day', () => {
    let now = createdAt;
    for (let attempt = 1; ; attempt++) {
      const verdict = judgeDelivery(
        { attempt, createdAt, now, succeeded: false, httpStatus: 500, retryAfterMs: null },
        0.5,
      );
      if (verdict.outcome !== 'retried') {
        expect([verdict.outcome, now, attempt]).toEqual(['dropped', createdAt + triedForMs, expect.any(Number)]);
        expect(attempt).toBeGreaterThan(30);
        expect(attempt).toBeLessThan(45);
        return;
      }
      now = verdict.dueAt;
    }
  });
});
