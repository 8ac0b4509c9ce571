import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRunIds } from '../../../../src/domain/run/ids.ts';
import {
  instantOfRunId,
  leastRunId,
  nextOccurrence,
  type Timing,
  timeOrderedId,
} from '../../../../src/domain/schedule/occurrence.ts';
import { nextInstant } from '../../../../src/domain/schedule/schedule.ts';
import { cases } from '../../cases.ts';
import { longAgo, timing } from './timing-arbitraries.ts';

const hour = 3_600_000;

function steps(next: (after: number) => number | null, after: number, count: number): number[] {
  const found: number[] = [];
  for (let last = next(after); last !== null && found.length < count; last = next(last)) found.push(last);
  return found;
}

test('each nominal instant within the bounds is one occurrence, moved by at most the jitter and never past the next', () => {
  fc.assert(
    fc.property(timing, (timing) => {
      const { schedule, activeFrom, startsAt, endsAt, jitterMs } = timing;
      const first = Math.max(activeFrom, (startsAt ?? Number.NEGATIVE_INFINITY) - 1);
      const nominal = steps((after) => nextInstant(schedule, after), first, 20).filter(
        (at) => endsAt === null || at <= endsAt,
      );
      const moved = steps((after) => nextOccurrence(timing, after), activeFrom - 24 * hour, nominal.length + 1).slice(
        0,
        20,
      );
      expect(moved.length).toBe(nominal.length);
      for (const [index, instant] of moved.entries()) {
        const from = nominal[index] as number;
        expect(instant).toBeGreaterThanOrEqual(from);
        expect(instant).toBeLessThanOrEqual(from + jitterMs);
        expect(instant).toBeLessThan(nextInstant(schedule, from) ?? Number.POSITIVE_INFINITY);
      }
    }),
    cases(60),
  );
});

test('from wherever it is asked, and in any order, the answer is the next one of the same sequence', () => {
  fc.assert(
    fc.property(
      timing,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: -2, max: 2 }), fc.nat(72 * hour)), { minLength: 1, maxLength: 8 }),
      (timing, starts) => {
        const before = timing.activeFrom - hour;
        const sequence = steps((after) => nextOccurrence(timing, after), before, 12);
        for (const [pick, near, away] of starts) {
          // Right beside an occurrence, or anywhere.
          const close = sequence[pick % Math.max(sequence.length, 1)];
          const start = Math.max(before, close !== undefined && pick % 3 > 0 ? close + near : before + away);
          const expected = sequence.find((instant) => instant > start);
          const found = nextOccurrence(timing, start);
          if (expected !== undefined) expect(found).toBe(expected);
          else if (sequence.length < 12) expect(found).toBeNull();
          else expect(found ?? Number.POSITIVE_INFINITY).toBeGreaterThan(start);
        }
      },
    ),
    cases(60),
  );
});

test.each([0, 30_000])(
  'the first and the last instant allowed are occurrences, the one that it is active from is none: jitter %i ms',
  (jitterMs) => {
    const every = { kind: 'every' as const, everyMs: 60_000, anchorMs: longAgo };
    const at = (minute: number) => longAgo + minute * 60_000;
    const bounded: Timing = { uid: 7, schedule: every, activeFrom: at(1), startsAt: at(3), endsAt: at(5), jitterMs };
    const minutes = (timing: Timing) =>
      steps((after) => nextOccurrence(timing, after), 0, 10).map((instant) => Math.floor((instant - longAgo) / 60_000));
    expect(minutes(bounded)).toEqual([3, 4, 5]);
    expect(minutes({ ...bounded, startsAt: null })).toEqual([2, 3, 4, 5]);
    expect(minutes({ ...bounded, activeFrom: at(3) })).toEqual([4, 5]);
    expect(minutes({ ...bounded, activeFrom: at(5) })).toEqual([]);
  },
);

test('jitter spreads tasks evenly over its length', () => {
  const tenths = new Array<number>(10).fill(0);
  for (let uid = 1; uid <= 2_000; uid++) {
    const at = nextOccurrence(
      {
        uid,
        schedule: { kind: 'every', everyMs: hour, anchorMs: longAgo },
        activeFrom: longAgo,
        startsAt: null,
        endsAt: null,
        jitterMs: 10_000,
      },
      longAgo,
    ) as number;
    const tenth = Math.min(9, Math.floor((at - longAgo - hour) / 1_000));
    tenths[tenth] = (tenths[tenth] as number) + 1;
  }
  // 200 each are expected; 140 and 260 lie more than four standard deviations off.
  for (const count of tenths) expect(count).toSatisfy((many: number) => many > 140 && many < 260);
});

const uid = fc.maxSafeNat();
const instant = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const filled = (bytes: Uint8Array) => (given: Uint8Array) => given.set(bytes);
const tenBytes = fc.uint8Array({ minLength: 10, maxLength: 10 });

describe('run ids', () => {
  test('the ids of an instant lie between its least id and that of the next', () => {
    fc.assert(
      fc.property(uid, fc.integer({ min: 0, max: 2 ** 48 - 2 }), tenBytes, (uid, instant, bytes) => {
        for (const id of [createRunIds(randomUUID()).of(uid, instant), timeOrderedId(instant, filled(bytes))]) {
          expect(id > leastRunId(instant)).toBe(true);
          expect(id < leastRunId(instant + 1)).toBe(true);
        }
      }),
    );
  });

  test('the least id of an instant outside the range is that of its end', () => {
    expect(leastRunId(-1)).toBe('00000000-0000-0000-0000-000000000000');
    expect(leastRunId(Number.MAX_SAFE_INTEGER)).toBe('ffffffff-ffff-0000-0000-000000000000');
  });

  test('a time-ordered id is a UUID of version 7 that keeps 74 bits of what is random', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(instant, tenBytes, (instant, bytes) => {
        const id = timeOrderedId(instant, filled(bytes));
        expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
        expect(instantOfRunId(id)).toBe(instant);
      }),
    );
    // Each bit of the ten bytes is set in turn: six of the eighty have no place.
    for (let bit = 0; bit < 80; bit++) {
      const bytes = new Uint8Array(10);
      bytes[bit >> 3] = 1 << (bit & 7);
      seen.add(timeOrderedId(longAgo, filled(bytes)));
    }
    seen.delete(timeOrderedId(longAgo, filled(new Uint8Array(10))));
    expect(seen.size).toBe(74);
  });
});
