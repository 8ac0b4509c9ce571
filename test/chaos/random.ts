/** Randomness that comes back the same from the same seed. */

export type Random = {
  /** An even share in [0, 1). */
  share(): number;
  /** An integer in [least, most]. */
  integer(least: number, most: number): number;
  pick<T>(of: readonly T[]): T;
};

/** mulberry32 (public domain): 32 bits of state are plenty to choose faults with. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const share = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    share,
    integer: (least, most) => least + Math.floor(share() * (most - least + 1)),
    pick: (of) => of[Math.floor(share() * of.length)] as (typeof of)[number],
  };
}
