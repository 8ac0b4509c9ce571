import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createShare } from '../../src/engine/share.ts';

/** Who comes first for a task, by the view of each of these replicas. */
function ownersOf(uid: number, replicas: readonly string[]): string[] {
  return replicas.filter((own) => {
    const share = createShare();
    share.follow(
      own,
      replicas.filter((each) => each !== own),
    );
    return share.isOwn(uid);
  });
}

const names = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 6 });

describe('the share of a replica', () => {
  test('is everything until it knows of others', () => {
    const share = createShare();
    expect([1, 2, 3].every(share.isOwn)).toBe(true);
    share.follow('alone', []);
    expect([1, 2, 3].every(share.isOwn)).toBe(true);
  });

  test('leaves each task to one replica, the same whoever asks, where all see the same replicas', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), names, (uid, replicas) => {
        expect(ownersOf(uid, replicas)).toHaveLength(1);
      }),
    );
  });

  test('moves only the tasks of a replica that goes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), names, (uid, replicas) => {
        const [owner] = ownersOf(uid, replicas);
        for (const gone of replicas)
          if (gone !== owner)
            expect(
              ownersOf(
                uid,
                replicas.filter((each) => each !== gone),
              ),
            ).toEqual([owner]);
      }),
    );
  });

  test('is about the same for all, also of tasks that were created one after the other', () => {
    const replicas = ['0a', '1b', '2c', '3d', '4e'];
    const counts = new Map<string, number>();
    for (let uid = 1; uid <= 10_000; uid++)
      for (const owner of ownersOf(uid, replicas)) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    for (const count of counts.values()) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  });
});
