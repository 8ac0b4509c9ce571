import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPartition } from '../../../../src/engine/cluster/partition.ts';

/** Who comes first for a task, by the view of each of these replicas. */
function ownersOf(uid: number, replicas: readonly string[]): string[] {
  return replicas.filter((own) => {
    const share = createPartition('2025c');
    share.follow(
      own,
      replicas.filter((each) => each !== own).map((id) => ({ id, tz: '2025c', firing: true })),
    );
    expect(share.isOwn(uid, true)).toBe(share.isOwn(uid, false));
    return share.isOwn(uid, false);
  });
}

const names = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 6 });

describe('the share of a replica', () => {
  test('is everything until it knows of others', () => {
    const share = createPartition(null);
    const ownsAll = () => [1, 2, 3].every((uid) => share.isOwn(uid, false) && share.isOwn(uid, true));
    expect(ownsAll()).toBe(true);
    share.follow('alone', []);
    expect(ownsAll()).toBe(true);
    // Who does not fire has no share.
    share.follow('alone', [{ id: 'other', tz: '2099z', firing: false }]);
    expect(ownsAll()).toBe(true);
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

describe('where replicas have different time zone data', () => {
  const replicas = [
    { id: '0a', tz: '2025c', firing: true },
    { id: '1b', tz: '2026a', firing: true },
    { id: '2c', tz: null, firing: true },
    { id: '3d', tz: '2026a', firing: true },
    { id: '4e', tz: '2026b', firing: false },
  ];
  const shares = replicas
    .filter(({ firing }) => firing)
    .map((own) => {
      const share = createPartition(own.tz);
      share.follow(
        own.id,
        replicas.filter((each) => each !== own),
      );
      return { ...own, share };
    });
  const owners = (uid: number, zoned: boolean) =>
    shares.filter(({ share }) => share.isOwn(uid, zoned)).map(({ id }) => id);

  test('tasks in a zone are shared by those with the newest that fire, the others by all', () => {
    const uids = Array.from({ length: 500 }, (_, index) => index + 1);
    for (const uid of uids) expect([owners(uid, true).length, owners(uid, false).length]).toEqual([1, 1]);
    expect(new Set(uids.flatMap((uid) => owners(uid, true)))).toEqual(new Set(['1b', '3d']));
    expect(new Set(uids.flatMap((uid) => owners(uid, false)))).toEqual(new Set(['0a', '1b', '2c', '3d']));
    expect(shares.map(({ share }) => share.mayClaim(true))).toEqual([false, true, false, true]);
    expect(shares.map(({ share }) => share.mayClaim(false))).toEqual([true, true, true, true]);
  });

  test('each knows all versions, the newest first, those of replicas that do not fire too', () => {
    expect(shares[0]?.share.zones()).toEqual({
      own: '2025c',
      newest: '2026a',
      outdated: true,
      versions: ['2026b', '2026a', '2025c', null],
    });
  });
});
