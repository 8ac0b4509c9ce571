import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { decideMisfires, type MisfireRule, misfireRule } from '../../../../src/domain/schedule/misfire.ts';
import { nextOccurrence, type Timing } from '../../../../src/domain/schedule/occurrence.ts';
import type { CompiledSchedule } from '../../../../src/domain/schedule/schedule.ts';
import { atOnce } from '../../../../src/domain/schedule/steps.ts';
import { cases } from '../../cases.ts';
import { longAgo, timing } from './timing-arbitraries.ts';

const second = 1_000;
const day = 86_400_000;
const policies = ['skip', 'fire_once', 'fire_all'] as const;

const rule: fc.Arbitrary<MisfireRule> = fc.record({
  policy: fc.constantFrom(...policies),
  graceMs: fc.constant(second),
  limit: fc.integer({ min: 1, max: 12 }),
});

/** The same decision, by looking at each occurrence. */
function decideSlowly(timing: Timing, { policy, limit }: MisfireRule, after: number, upTo: number, ran: number[]) {
  const missed: number[] = [];
  for (let at = nextOccurrence(timing, after); at !== null && at <= upTo; at = nextOccurrence(timing, at))
    if (!ran.includes(at)) missed.push(at);
  if (missed.length === 0) return null;
  const fired = { skip: 0, fire_once: 1, fire_all: limit }[policy];
  const fire = fired === 0 ? [] : missed.splice(-fired);
  const [from, to] = [missed.at(0), missed.at(-1)];
  return { fire, miss: from === undefined ? null : { from, to, count: missed.length } };
}

test('what is fired, and the range and number of what is not, are those of looking at each occurrence', () => {
  fc.assert(
    fc.property(
      timing,
      rule,
      fc.nat(3 * day),
      fc.nat(60),
      fc.array(fc.tuple(fc.nat(70), fc.boolean()), { maxLength: 12 }),
      (timing, rule, away, length, picks) => {
        const after = timing.activeFrom + away - day;
        const sequence = [after];
        while (sequence.length <= length + 10) {
          const next = nextOccurrence(timing, sequence.at(-1) as number);
          if (next === null) break;
          sequence.push(next);
        }
        const upTo = (sequence[Math.min(length, sequence.length - 1)] as number) + (away % 2);
        // Instants of runs inside the stretch and beyond it, some of them of another timing.
        const ran = picks.map(([pick, off]) => (sequence[pick % sequence.length] as number) + (off ? 1 : 0));
        expect(atOnce(decideMisfires(timing, rule, after, upTo, ran))).toEqual(
          decideSlowly(timing, rule, after, upTo, ran),
        );
      },
    ),
    cases(100),
  );
});

test('at least a second passes before anything is missed', () => {
  expect(misfireRule({ policy: 'skip', grace: '0s', limit: 3 })).toEqual({ policy: 'skip', graceMs: 1_000, limit: 3 });
  expect(misfireRule({ policy: 'skip', grace: '2m', limit: 3 }).graceMs).toBe(120_000);
});

describe('a long outage', () => {
  /** A schedule that notes what it is asked. */
  function observed(expression: string, timezone: string) {
    const compiled = createCalendar().compile(expression, timezone);
    if (!compiled.ok) throw new Error(expression);
    const { next, count, leftOut, changesOfClock, zoned } = compiled.value;
    const asked = { next: 0, count: 0 };
    const schedule: CompiledSchedule = {
      kind: 'cron',
      cron: {
        next(after) {
          asked.next++;
          return next(after);
        },
        count(after, upTo) {
          asked.count++;
          return count(after, upTo);
        },
        leftOut,
        changesOfClock,
        zoned,
      },
    };
    return { schedule, asked };
  }

  test.each([
    ['* * * * * *', 'UTC', 30 * day, 0],
    ['* * * * * *', 'UTC', 30 * day, 500],
    ['*/5 0-20 9-17 * * MON-FRI', 'Europe/Berlin', 1_826 * day, 0],
    ['*/5 0-20 9-17 * * MON-FRI', 'Europe/Berlin', 1_826 * day, 20 * 60 * second],
    ['* * * 1 1 *', 'Asia/Tokyo', 3_652 * day, 0],
  ])(
    'of %s in %s for %i ms with %i ms of jitter is decided by few questions',
    (expression, timezone, length, jitterMs) => {
      for (const [policy, fired] of [
        ['skip', 0],
        ['fire_once', 1],
        ['fire_all', 100],
      ] as const) {
        const { schedule, asked } = observed(expression, timezone);
        const timing = { uid: 7, schedule, activeFrom: longAgo - length, startsAt: null, endsAt: null, jitterMs };
        const ran = [nextOccurrence(timing, longAgo - length) as number];
        asked.next = 0;
        const decision = atOnce(
          decideMisfires(timing, { policy, graceMs: 1_000, limit: 100 }, longAgo - length, longAgo, ran),
        );
        expect(decision?.fire).toHaveLength(fired);
        expect(decision?.miss?.count).toBeGreaterThan(800_000);
        expect(asked.count).toBeLessThan(60);
        // Each instant with jitter takes a second question; an end of the stretch takes as many as its jitter has bits.
        expect(asked.next).toBeLessThan(100 + 3 * fired);
      }
    },
  );

  test('of seconds for a month is counted to the last one', () => {
    const { schedule } = observed('* * * * * *', 'UTC');
    const timing = { uid: 7, schedule, activeFrom: 0, startsAt: null, endsAt: null, jitterMs: 0 };
    const skip = { policy: 'skip', graceMs: 1_000, limit: 1 } as const;
    const after = longAgo - 30 * day;
    expect(atOnce(decideMisfires(timing, skip, after, longAgo, []))).toEqual({
      fire: [],
      miss: { from: after + second, to: longAgo, count: 2_592_000 },
    });
    const ran = [longAgo, longAgo - second, after + second, after + 5 * second, longAgo + 9 * second];
    expect(atOnce(decideMisfires(timing, { ...skip, policy: 'fire_once' }, after, longAgo, ran))).toEqual({
      fire: [longAgo - 2 * second],
      miss: { from: after + 2 * second, to: longAgo - 3 * second, count: 2_592_000 - 5 },
    });
  });
});
