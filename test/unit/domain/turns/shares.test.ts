import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createShares } from '../../../../src/domain/turns/shares.ts';

const most = 64;
const kept = 8;

/** Slots that are taken one by one, by whoever of `waiting` may take one, until nobody may. */
function fill(isShared: boolean, weights: Record<string, number>, waiting: readonly string[]) {
  const shares = createShares({ weightOf: (of) => weights[of] ?? 1, isShared: () => isShared });
  const taken: Record<string, number> = {};
  let free = most;
  const take = (of: string) => {
    if (!shares.mayTake(of, free, most)) return false;
    shares.add(of, 1);
    free--;
    taken[of] = (taken[of] ?? 0) + 1;
    return true;
  };
  const give = (of: string) => {
    shares.add(of, -1);
    free++;
    taken[of] = (taken[of] ?? 0) - 1;
  };
  while (waiting.map(take).includes(true));
  return { shares, taken, take, give, free: () => free };
}

describe('the slots of a replica', () => {
  test('are all for a namespace that shares with nobody', () => {
    const { taken, shares } = fill(false, {}, ['a']);
    expect(taken).toEqual({ a: most });
    expect(shares.room('a', 0, most)).toBe(0);
  });

  test('are kept in part for another namespace, which gets them at once', () => {
    const { taken, take } = fill(true, {}, ['a']);
    expect(taken).toEqual({ a: most - kept });
    for (let n = 0; n < kept; n++) expect(take('b')).toBe(true);
    expect(take('b')).toBe(false);
  });

  test('are given to the one that has less than its share, until it has it', () => {
    const { taken, take, give } = fill(true, {}, ['a']);
    while (take('b'));
    for (let n = 0; n < 100; n++) {
      if ((taken.a ?? 0) > 0) give('a');
      for (const of of ['a', 'b']) while (take(of));
    }
    expect(taken).toEqual({ a: most / 2, b: most / 2 });
  });

  test('are all in use while several wait, and none goes short of its share', () => {
    const weight = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(fc.record({ a: weight, b: weight, c: weight }), (weights) => {
        const names = ['a', 'b', 'c'] as const;
        const { taken, take, give, free } = fill(true, weights, names);
        // Calls end in turn, and whoever may begins another.
        for (let n = 0; n < 3_000; n++) {
          const ending = names[n % 3] ?? 'a';
          if ((taken[ending] ?? 0) > 0) give(ending);
          for (const of of names) while (take(of));
        }
        expect(free()).toBeLessThanOrEqual(2);
        const all = weights.a + weights.b + weights.c;
        for (const of of names)
          expect(taken[of]).toBeGreaterThanOrEqual(Math.min(Math.floor((most * weights[of]) / all), most - kept) - 1);
      }),
    );
  });

  test('have room as far as they may be taken one by one', () => {
    fc.assert(
      fc.property(fc.nat(most), fc.nat(most), fc.boolean(), (ofA, ofB, isShared) => {
        const shares = createShares({ weightOf: () => 1, isShared: () => isShared });
        shares.add('a', ofA);
        shares.add('b', ofB);
        let free = most - ofA - ofB;
        const room = shares.room('a', free, most);
        let taken = 0;
        while (shares.mayTake('a', free, most)) {
          shares.add('a', 1);
          free--;
          taken++;
        }
        expect(Math.max(0, room)).toBe(taken);
      }),
    );
  });
});
