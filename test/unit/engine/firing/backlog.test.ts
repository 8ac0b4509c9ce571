import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBacklog, type Waiting } from '../../../../src/engine/firing/backlog.ts';
import type { Entry } from '../../../../src/engine/timetable/timetable.ts';

const due = (instant: number, priority: number): Waiting => ({
  entry: { uid: 1, namespace: 'default', priority } as Entry,
  instant,
  nextAt: 0,
});

describe('the backlog', () => {
  test('gives out what is due by instant, each step of priority being worth ten seconds of waiting', () => {
    const backlog = createBacklog(() => 1);
    const [low, high, older] = [due(30_000, 0), due(40_000, 10), due(0, 1)];
    for (const each of [low, high, older]) backlog.add(each);
    expect(backlog.take(2)).toEqual([high, older]);
    expect(backlog.take(5)).toEqual([low]);
    expect(backlog.take(5)).toEqual([]);
  });

  test('keeps aside what others may take first, and then ranks it behind what is due by then', () => {
    const backlog = createBacklog(() => 1);
    const [left, own, later] = [due(1_000, 5), due(1_400, 5), due(1_600, 5)];
    backlog.setAside(left, 1_500);
    backlog.add(own);
    backlog.add(later);
    expect([backlog.size(), backlog.oldest(), backlog.nextRelease()]).toEqual([2, 1_000, 1_500]);
    backlog.release(1_499);
    expect([backlog.size(), backlog.nextRelease()]).toEqual([2, 1_500]);
    backlog.release(1_500);
    expect([backlog.size(), backlog.oldest(), backlog.nextRelease()]).toEqual([3, 1_000, Infinity]);
    expect(backlog.take(5)).toEqual([own, left, later]);
    expect(backlog.oldest()).toBe(Infinity);
  });

  test('gives out everything once, in order, and knows the oldest of the rest', () => {
    const waiting = fc.tuple(fc.integer({ min: 0, max: 100_000 }), fc.nat(10));
    fc.assert(
      fc.property(fc.array(waiting), fc.integer({ min: 1, max: 7 }), (all, limit) => {
        const backlog = createBacklog(() => 1);
        const rest = all.map(([instant, priority]) => due(instant, priority));
        for (const each of rest) backlog.add(each);
        const effectiveDueAt = ({ instant, entry }: Waiting) => instant - 10_000 * entry.priority;
        const out: Waiting[] = [];
        for (;;) {
          const left = rest.filter((each) => !out.includes(each));
          expect(backlog.size()).toBe(left.length);
          expect(backlog.oldest()).toBe(Math.min(Infinity, ...left.map(({ instant }) => instant)));
          const taken = backlog.take(limit);
          if (taken.length === 0) break;
          out.push(...taken);
        }
        expect(new Set(out)).toEqual(new Set(rest));
        expect(out.map(effectiveDueAt)).toEqual(rest.map(effectiveDueAt).sort((a, b) => a - b));
      }),
    );
  });
});
