import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { confirmMs, createDatabaseTime, farMs } from '../../../../src/engine/cluster/database-time.ts';
import { createClock } from '../../../clock.ts';

const t0 = Date.UTC(2031, 0, 1);

/** A database `ahead` of the monotonic clock, asked over a network that takes `there` and `back`. */
function world(ahead = t0, wall = t0) {
  const clock = createClock(wall);
  const time = createDatabaseTime(clock);
  const state = { ahead };
  return {
    clock,
    time,
    truth: () => clock.monotonic() + state.ahead,
    step: (ms: number) => {
      state.ahead += ms;
    },
    ask(there: number, back: number): number {
      const askedAt = clock.monotonic();
      clock.freeze(there);
      const said = clock.monotonic() + state.ahead;
      clock.freeze(back);
      return time.observe(said, askedAt, clock.monotonic());
    },
  };
}

const latency = fc.oneof(fc.double({ min: 0, max: 5, noNaN: true }), fc.double({ min: 0, max: 2_000, noNaN: true }));

describe("the database's time", () => {
  test('is never ahead of the truth, and behind it by no more than the quickest of the last answers took', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(latency, latency, fc.double({ min: 0, max: 5_000, noNaN: true })), {
          minLength: 1,
          maxLength: 40,
        }),
        (asks) => {
          const { clock, time, truth, ask } = world();
          const backs: number[] = [];
          for (const [there, back, pause] of asks) {
            expect(ask(there, back)).toBe(0);
            backs.push(back);
            for (let look = 0; look < 2; look++) {
              // A hair for the rounding of sums of such size.
              expect(time.now()).toBeLessThanOrEqual(truth() + 0.01);
              expect(time.now()).toBeGreaterThan(truth() - Math.min(...backs.slice(-8)) - 1.01);
              clock.freeze(pause);
            }
          }
        },
      ),
    );
  });

  test('does not depend on the wall clock of this machine, wrong or jumping', () => {
    const { clock, time, truth, ask } = world(t0, t0 - 86_400_000);
    expect(time.now()).toBe(t0 - 86_400_000);
    ask(1, 1);
    clock.jumpWall(-3_600_000);
    clock.freeze(10);
    expect(truth() - time.now()).toBeLessThanOrEqual(2);
    expect(time.offset()).toBeCloseTo(90_000_000, -1);
  });

  test('is a whole number of milliseconds', () => {
    const { time, ask } = world(t0 + 0.75);
    ask(0.3, 0.3);
    expect(Number.isInteger(time.now())).toBe(true);
  });

  test.each([5_000, 59_000, -5_000, -59_000])('follows a jump of %d ms at the next reading, and says so', (jump) => {
    const { time, truth, step, ask } = world();
    for (let reading = 0; reading < 10; reading++) ask(3, 4);
    step(jump);
    const said = ask(3, 4);
    expect(Math.abs(said - jump)).toBeLessThanOrEqual(10);
    expect(Math.sign(said)).toBe(Math.sign(jump));
    expect(time.now()).toBeLessThanOrEqual(truth());
    expect(time.now()).toBeGreaterThan(truth() - 6);
    expect(ask(3, 4)).toBe(0);
  });

  test('takes a slow answer for no jump', () => {
    const { time, truth, ask } = world();
    ask(1, 1);
    expect(ask(0, 30_000)).toBe(0);
    expect(ask(30_000, 0)).toBe(0);
    expect(ask(1, 1)).toBe(0);
    expect(truth() - time.now()).toBeLessThan(3);
  });

  test('is not ahead after small steps back either, once they can be known', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -900, max: 300 }), fc.nat(20), fc.nat(20)), {
          minLength: 1,
          maxLength: 30,
        }),
        (turns) => {
          const { time, truth, step, ask } = world();
          for (const [ms, there, back] of turns) {
            step(ms);
            ask(there, back);
            // A step smaller than the reading takes hides behind it.
            expect(time.now()).toBeLessThanOrEqual(truth() + there + back);
          }
        },
      ),
    );
  });
});

describe('a jump by more than a minute', () => {
  const hour = 3_600_000;

  /** Readings every 2.5 s for so long. */
  function watch({ clock, ask }: ReturnType<typeof world>, ms: number): number[] {
    const jumps: number[] = [];
    for (let passed = 0; passed < ms; passed += 2_500) {
      clock.freeze(2_490);
      jumps.push(ask(4, 6));
    }
    return jumps.filter((jump) => jump !== 0);
  }

  test.each([
    ['forward', hour],
    ['back', -hour],
    ['forward by little more', farMs + 100],
  ])('%s is not followed: time goes on as it was, and there is doubt', (_, jump) => {
    const it = world();
    watch(it, 20_000);
    it.step(jump);
    expect(watch(it, 20_000)).toEqual([]);
    expect(Math.abs((it.time.doubt()?.jumpMs ?? 0) - jump)).toBeLessThan(20);
    expect(Math.abs(it.time.now() - (it.truth() - jump))).toBeLessThan(20);
  });

  test.each([hour, -hour])('(%d ms) that is undone ends the doubt at once, and nothing jumped', (jump) => {
    const it = world();
    watch(it, 20_000);
    it.step(jump);
    watch(it, 20_000);
    it.step(-jump);
    expect(watch(it, 2_500)).toEqual([]);
    expect(it.time.doubt()).toBeNull();
    expect(it.truth() - it.time.now()).toBeLessThan(20);
  });

  test.each([hour, -hour])(
    '(%d ms) that this machine agrees with is believed, once the clock ran on evenly for five minutes',
    (jump) => {
      // Before, the database was wrong by an hour.
      const it = world(t0 - jump, t0);
      watch(it, 20_000);
      it.step(jump);
      expect(watch(it, confirmMs - 5_000)).toEqual([]);
      expect(it.time.doubt()).not.toBeNull();
      const [said = 0, ...more] = watch(it, 10_000);
      expect([Math.abs(said - jump) < 20, more]).toEqual([true, []]);
      expect(it.time.doubt()).toBeNull();
      expect(Math.abs(it.truth() - it.time.now())).toBeLessThan(20);
    },
  );

  test.each([hour, -hour])('(%d ms) that this machine does not agree with is never believed', (jump) => {
    const it = world();
    watch(it, 20_000);
    it.step(jump);
    watch(it, 10 * confirmMs);
    expect(it.time.doubt()).not.toBeNull();
    // Until this machine's clock is set as well.
    it.clock.jumpWall(jump);
    watch(it, 2_500);
    expect(it.time.doubt()).toBeNull();
  });

  test('that is followed by others has to run on evenly from the last of them', () => {
    const it = world(t0 - hour, t0);
    watch(it, 20_000);
    it.step(hour - 10_000);
    watch(it, confirmMs - 20_000);
    it.step(10_000);
    watch(it, confirmMs - 20_000);
    expect(it.time.doubt()).not.toBeNull();
    watch(it, 30_000);
    expect(it.time.doubt()).toBeNull();
  });

  test('is none when it was this machine that slept', () => {
    const it = world();
    watch(it, 20_000);
    it.clock.sleep(hour);
    it.step(hour);
    const [said = 0] = watch(it, 2_500);
    expect(Math.abs(said - hour)).toBeLessThan(20);
    expect(it.time.doubt()).toBeNull();
    expect(it.truth() - it.time.now()).toBeLessThan(20);
    // And the next one is one.
    it.step(hour);
    watch(it, 2_500);
    expect(it.time.doubt()).not.toBeNull();
  });

  test('back is known from what the database had said before this process', () => {
    const it = world();
    it.time.remember(it.truth() + hour);
    watch(it, 10_000);
    expect(it.time.doubt()?.jumpMs).toBeLessThan(-hour + 5_000);
    // This machine agrees: it had been wrong before.
    watch(it, confirmMs);
    expect(it.time.doubt()).toBeNull();
    expect(it.truth() - it.time.now()).toBeLessThan(20);
  });

  test('forward is not: a time long ago is what an outage looks like', () => {
    for (const ago of [0, 5_000, hour, 1_000 * hour]) {
      const it = world();
      it.time.remember(it.truth() - ago);
      expect(watch(it, 20_000)).toEqual([]);
      expect(it.time.doubt()).toBeNull();
      expect(it.truth() - it.time.now()).toBeLessThan(20);
    }
  });
});
