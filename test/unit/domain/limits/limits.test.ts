import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  admit,
  type Candidate,
  type Limit,
  type LimitState,
  limitsOf,
  nameOf,
  roomFor,
  sameLimits,
  startInstant,
} from '../../../../src/domain/limits/limits.ts';

const t0 = 1_000_000;

describe('the limits of a task', () => {
  test('are those of its policies, in the order in which a run waits at them', () => {
    const policies = {
      concurrency: { key: 'a/b:c.d', limit: 5 },
      rate: { key: 'api:v1', limit: 100, period: '1m' },
      maxConcurrency: 3,
    };
    const namespace = 'default';
    expect(limitsOf({ namespace, uid: 12 }, policies)).toEqual([
      { kind: 'task', namespace, key: 'task:12', limit: 3, periodMs: 0 },
      { kind: 'rate', namespace, key: 'rate:api:v1', limit: 100, periodMs: 60_000 },
      { kind: 'concurrency', namespace, key: 'concurrency:a/b:c.d', limit: 5, periodMs: 0 },
    ]);
    expect(limitsOf({ namespace, uid: 12 }, { maxConcurrency: null, concurrency: null, rate: null })).toEqual([]);
  });

  test('are the same as others, or not', () => {
    const limits = { concurrency: { key: 'a', limit: 5 } };
    expect(sameLimits(limits, { ...limits, rate: null })).toBe(true);
    expect(sameLimits(limits, { concurrency: { key: 'a', limit: 6 } })).toBe(false);
    expect(sameLimits(limits, { ...limits, maxConcurrency: 1 })).toBe(false);
  });

  test('have names that differ between kinds and namespaces', () => {
    const rate = { key: 'x', limit: 1, period: '1s' };
    const limits = ['one', 'two'].flatMap((namespace) =>
      limitsOf({ namespace, uid: 1 }, { rate, concurrency: { key: 'x', limit: 1 } }),
    );
    expect(new Set(limits.map(nameOf)).size).toBe(4);
  });
});

/** Limits as short text, in the order in which a run waits at them: `task:1=2 rate:a=1/1000 concurrency:b=3`. */
function limitsFrom(text: string): Limit[] {
  return text.split(' ').map((part) => {
    const [key = '', size = ''] = part.split('=');
    const [limit, periodMs = 0] = size.split('/').map(Number);
    return { kind: key.split(':')[0] as Limit['kind'], namespace: 'n', key, limit: limit as number, periodMs };
  });
}

/** Limits of few keys, so that many runs meet at each: limits on one key differ from task to task. */
const anyLimits = fc
  .record({
    task: fc.option(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))),
    concurrency: fc.option(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 4 }))),
    rate: fc.option(
      fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 4 }), fc.constantFrom(1, 10, 35, 100)),
    ),
  })
  .filter(({ task, concurrency, rate }) => (task ?? concurrency ?? rate) !== null)
  .map(({ task, concurrency, rate }) =>
    [
      ...(task ? [`task:${task[0]}=${task[1]}`] : []),
      ...(rate ? [`rate:${rate[0]}=${rate[1]}/${rate[2]}`] : []),
      ...(concurrency ? [`concurrency:${concurrency[0]}=${concurrency[1]}`] : []),
    ].join(' '),
  );

const candidatesOf = (texts: readonly string[]): Candidate[] =>
  texts.map((text, place) => ({ id: `${place}`, limits: limitsFrom(text) }));

/** Said once more, as plainly as can be: whether this limit lets one more through. */
function isFree(limit: Limit, running: ReadonlyMap<string, number>, starts: readonly number[], now: number): boolean {
  if (limit.kind !== 'rate') return (running.get(nameOf(limit)) ?? 0) < limit.limit;
  return starts.filter((start) => now - start < limit.periodMs).length < limit.limit;
}

const anyState = fc
  .record({
    running: fc.dictionary(
      fc.constantFrom('n/task:1', 'n/task:2', 'n/concurrency:a', 'n/concurrency:b'),
      fc.integer({ min: 0, max: 4 }),
    ),
    starts: fc.dictionary(
      fc.constantFrom('n/rate:a', 'n/rate:b'),
      fc.array(fc.integer({ min: t0 - 120, max: t0 }), { maxLength: 8 }),
    ),
  })
  .map(({ running, starts }): LimitState => {
    const sorted = Object.entries(starts).map(([key, list]) => [key, list.sort((x, y) => x - y)] as const);
    return { now: t0, running: new Map(Object.entries(running)), starts: new Map(sorted) };
  });

/** Follows a decision run by run: what each of them met. */
function follow(candidates: readonly Candidate[], state: LimitState, starting: ReadonlySet<Candidate>) {
  const running = new Map(state.running);
  const starts = new Map([...state.starts].map(([key, list]) => [key, [...list]]));
  return candidates.map((candidate) => {
    const { limits } = candidate;
    const full = limits.filter((limit) => !isFree(limit, running, starts.get(nameOf(limit)) ?? [], state.now));
    const started = starting.has(candidate);
    if (started)
      for (const limit of limits) {
        const name = nameOf(limit);
        if (limit.kind === 'rate') starts.set(name, [...(starts.get(name) ?? []), state.now]);
        else running.set(name, (running.get(name) ?? 0) + 1);
      }
    return { candidate, limits, full: full.map(({ key }) => key), started };
  });
}

describe('of the runs that wait', () => {
  const cases = [anyState, fc.array(anyLimits, { maxLength: 25 }).map(candidatesOf)] as const;

  test('a run starts unless one of its limits is reached or an earlier one waits there, and never otherwise', () => {
    fc.assert(
      fc.property(...cases, (state, candidates) => {
        const { starting } = admit(candidates, state, Infinity);
        const waitsAt = new Set<string>();
        for (const { limits, full, started } of follow(candidates, state, new Set(starting))) {
          const first = limits.find(({ key }) => full.includes(key) || waitsAt.has(key));
          expect(started).toBe(first === undefined);
          if (first) waitsAt.add(first.key);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('nobody overtakes at a single limit, whatever the limits of those who wait there are', () => {
    const texts = fc.oneof(
      fc.integer({ min: 1, max: 4 }).map((limit) => `concurrency:a=${limit}`),
      fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 120 })).map(([n, ms]) => `rate:a=${n}/${ms}`),
    );
    fc.assert(
      fc.property(anyState, fc.array(texts, { maxLength: 15 }).map(candidatesOf), (state, candidates) => {
        const { starting } = admit(candidates, state, Infinity);
        for (const kind of ['concurrency', 'rate']) {
          const line = candidates.filter(({ limits }) => limits[0]?.kind === kind);
          const begun = starting.filter(({ limits }) => limits[0]?.kind === kind);
          expect(begun).toEqual(line.slice(0, begun.length));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('one that its rate holds up occupies nothing: without it all others that have no part in the rate fare the same', () => {
    fc.assert(
      fc.property(...cases, fc.integer({ min: 1, max: 4 }), (state, candidates, limit) => {
        const starts = new Map([...state.starts, ['n/rate:closed', Array<number>(limit).fill(t0)]]);
        const closed = { ...state, starts };
        const held = { id: 'held', limits: limitsFrom(`rate:closed=${limit}/10 concurrency:a=1`) };
        const others = admit(candidates, closed, Infinity).starting;
        const together = admit([held, ...candidates], closed, Infinity);
        expect(together.starting).toEqual(others);
        expect(together.opensAt).toBeLessThanOrEqual(t0 + 10);
      }),
    );
  });

  test('at most as many start as are wanted, and those are the first of all that could', () => {
    fc.assert(
      fc.property(...cases, fc.nat(10), (state, candidates, most) => {
        expect(admit(candidates, state, most).starting).toEqual(
          admit(candidates, state, Infinity).starting.slice(0, most),
        );
      }),
    );
  });

  test('the room of limits is what starts if runs with them are alone', () => {
    fc.assert(
      fc.property(anyState, anyLimits, (state, text) => {
        const { room, heldAt, opensAt } = roomFor(limitsFrom(text), state);
        const alone = admit(candidatesOf(Array(30).fill(text)), state, 30);
        expect(alone.starting).toHaveLength(room);
        expect(heldAt === null).toBe(room > 0);
        if (room === 0) expect(opensAt).toBe(alone.opensAt);
      }),
    );
  });

  test('a rate opens exactly when it is said to', () => {
    const rated = fc
      .tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 120 }))
      .map(([key, limit, period]) => `rate:${key}=${limit}/${period}`);
    fc.assert(
      fc.property(anyState, fc.array(rated, { maxLength: 15 }).map(candidatesOf), (state, candidates) => {
        const { starting, opensAt } = admit(candidates, state, Infinity);
        const waiting = candidates.filter((candidate) => !starting.includes(candidate));
        expect(opensAt === null).toBe(waiting.length === 0);
        if (opensAt === null) return;
        const starts = new Map(state.starts);
        for (const name of starting.flatMap(({ limits }) => limits.map(nameOf)))
          starts.set(name, [...(starts.get(name) ?? []), state.now]);
        expect(admit(waiting, { ...state, starts, now: opensAt - 1 }, Infinity).starting).toEqual([]);
        expect(admit(waiting, { ...state, starts, now: opensAt }, Infinity).starting).not.toEqual([]);
      }),
    );
  });

  test('one with the higher limit waits behind one with the lower', () => {
    const state = { now: t0, running: new Map([['n/concurrency:a', 2]]), starts: new Map() };
    const texts = ['concurrency:a=2', 'concurrency:a=5', 'concurrency:b=1'];
    const startingOf = (given: string[]) =>
      admit(candidatesOf(given), state, 9).starting.flatMap(({ limits }) =>
        limits.map(({ key, limit }) => [key, limit]),
      );
    expect(startingOf(texts)).toEqual([['concurrency:b', 1]]);
    expect(startingOf(texts.toReversed())).toEqual([
      ['concurrency:b', 1],
      ['concurrency:a', 5],
    ]);
  });
});

type Waiting = Candidate & { effectiveDueAt: number; arrives: number; takes: number };

/**
 * Plays a day: whoever waits is looked at when one arrives, one ends, or a rate was said to open, and at no other time.
 */
function play(runs: readonly Waiting[], most: number, lagOf: (step: number) => number) {
  const running: { until: number; limits: readonly Limit[] }[] = [];
  const noted = new Map<string, number[]>();
  const began = new Map<Waiting, number>();
  const alarms = new Set(runs.map(({ arrives }) => arrives));
  let steps = 0;
  while (alarms.size > 0) {
    const now = Math.min(...alarms);
    alarms.delete(now);
    for (let place = running.length - 1; place >= 0; place--)
      if ((running[place]?.until ?? 0) <= now) running.splice(place, 1);
    const waiting = runs
      .filter((run) => run.arrives <= now && !began.has(run))
      .sort((a, b) => a.effectiveDueAt - b.effectiveDueAt || Number(a.id) - Number(b.id));
    // Each replica's time is a little behind, and each is told no more starts than its limits ask about.
    const view = Math.max(0, now - lagOf(steps));
    const asked = (name: string) =>
      Math.max(0, ...waiting.flatMap(({ limits }) => limits).map((each) => (nameOf(each) === name ? each.limit : 0)));
    const counts = new Map<string, number>();
    for (const name of running.flatMap(({ limits }) => limits.filter(({ kind }) => kind !== 'rate').map(nameOf)))
      counts.set(name, (counts.get(name) ?? 0) + 1);
    const state = {
      now: view,
      running: counts,
      starts: new Map([...noted].map(([name, list]) => [name, asked(name) === 0 ? [] : list.slice(-asked(name))])),
    };
    const { starting, opensAt } = admit(waiting, state, most);
    for (const run of starting) {
      began.set(run, now);
      running.push({ until: now + run.takes, limits: run.limits });
      alarms.add(now + run.takes);
      for (const name of run.limits.filter(({ kind }) => kind === 'rate').map(nameOf))
        noted.set(name, [...(noted.get(name) ?? []), startInstant(noted.get(name) ?? [], view)]);
    }
    if (starting.length === most) alarms.add(now);
    if (opensAt !== null) alarms.add(opensAt + (now - view));
    if (++steps > 10_000) throw new Error('it comes to no end');
  }
  return { began, noted };
}

describe('over time', () => {
  const anyRuns = fc
    .array(
      fc.record({
        limits: anyLimits.map(limitsFrom),
        arrives: fc.integer({ min: t0, max: t0 + 100 }),
        takes: fc.integer({ min: 1, max: 40 }),
        priority: fc.nat(9),
      }),
      { minLength: 1, maxLength: 40 },
    )
    .map((runs) =>
      runs.map(({ priority, ...run }, place) => ({
        id: `${place}`,
        effectiveDueAt: run.arrives - priority * 10,
        ...run,
      })),
    );
  const mostAtOnce = fc.constantFrom(1, 3, 100);
  const lags = fc.array(fc.nat(5), { minLength: 1, maxLength: 7 });

  test('every run starts at last, never with more at once than its limits say, never with more starts in any period', () => {
    fc.assert(
      fc.property(anyRuns, mostAtOnce, lags, (runs, most, lag) => {
        const { began, noted } = play(runs, most, (step) => lag[step % lag.length] as number);
        expect(began.size).toBe(runs.length);
        // In the order in which they were started.
        const order = [...began];
        for (const [place, [run, at]] of order.entries())
          for (const each of run.limits) {
            const { kind, limit, periodMs } = each;
            const key = nameOf(each);
            const alike = order
              .slice(0, place + 1)
              .filter(([other]) => other.limits.some((its) => nameOf(its) === key));
            if (kind === 'rate') {
              const instant = noted.get(key)?.[alike.length - 1] as number;
              const inPeriod = noted
                .get(key)
                ?.slice(0, alike.length)
                .filter((start) => start > instant - periodMs);
              expect(inPeriod?.length).toBeLessThanOrEqual(limit);
            } else expect(alike.filter(([other, begun]) => begun + other.takes > at).length).toBeLessThanOrEqual(limit);
          }
      }),
      { numRuns: 500 },
    );
  });

  test('runs of one task start in the order of their effective due times, and a low priority is not deferred for ever', () => {
    fc.assert(
      fc.property(anyLimits.map(limitsFrom), anyRuns, (limits, runs) => {
        const alike = runs.map((run) => ({ ...run, limits }));
        const order = [...play(alike, 100, () => 0).began];
        // Whoever went first was there first by effective due time, or the other had not come yet.
        for (const [place, [run]] of order.entries())
          for (const [earlier] of order.slice(0, place))
            if (earlier.effectiveDueAt > run.effectiveDueAt)
              expect(run.arrives).toBeGreaterThan(order.find(([r]) => r === earlier)?.[1] as number);
      }),
      { numRuns: 300 },
    );
    // One of priority 0 among a stream of priority 9 that takes all there is: its age wins after 90 s.
    const stream = Array.from({ length: 300 }, (_, place) => ({
      id: `${place}`,
      limits: limitsFrom('concurrency:a=1'),
      arrives: t0 + place * 1_000,
      effectiveDueAt: t0 + place * 1_000 - 90_000,
      takes: 1_000,
    }));
    const low = {
      id: '999',
      limits: limitsFrom('concurrency:a=1'),
      arrives: t0 + 500,
      effectiveDueAt: t0 + 500,
      takes: 1_000,
    };
    const { began } = play([...stream, low], 100, () => 0);
    expect((began.get(low) as number) - low.arrives).toBeLessThan(92_000);
  });

  test('starts that a clock noted which has been set back since do not close a rate for ever', () => {
    const limits = limitsFrom('rate:a=2/1000');
    const state = (starts: number[]) => ({ now: t0, running: new Map(), starts: new Map([['n/rate:a', starts]]) });
    expect(roomFor(limits, state([t0 + 3_600_000, t0 + 3_600_000])).room).toBe(2);
    expect(roomFor(limits, state([t0 + 5, t0 + 5])).room).toBe(0);
    expect(roomFor(limits, state([t0 + 5, t0 + 5])).opensAt).toBe(t0 + 1_005);
    expect(startInstant([t0 + 5], t0)).toBe(t0 + 5);
    expect(startInstant([t0 + 3_600_000], t0)).toBe(t0);
  });
});
