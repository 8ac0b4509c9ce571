import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatInstant } from '../../../../src/domain/input/instant.ts';
import { type Calendar, createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { nextOccurrence, type Timing } from '../../../../src/domain/schedule/occurrence.ts';
import { firstOccurrences } from '../../../../src/domain/schedule/occurrence-count.ts';
import { atOnce } from '../../../../src/domain/schedule/steps.ts';
import {
  isPlainChange,
  type Moment,
  type Revised,
  revise,
  reviseInSteps,
  type Standing,
} from '../../../../src/domain/task/change.ts';
import { isOccurrence } from '../../../../src/domain/task/cut.ts';
import { readTask, type TaskDefinition, type TaskInput, timingOf } from '../../../../src/domain/task/task.ts';
import { httpTargets } from '../../../http-targets.ts';
import { cases } from '../../cases.ts';

const calendar = createCalendar({ maxExpressions: 5 });
const t0 = Date.UTC(2026, 5, 1, 12);
const uid = 77;
const second = 1_000;
const many = 5_000;

function define(input: Partial<TaskInput>): TaskDefinition {
  const given = { schedule: { manual: true }, target: 'http://127.0.0.1:9/', ...input };
  // Long before any instant in here, so that nothing has passed.
  const read = readTask('task', given, { now: t0 - 3_600 * second, calendar, targets: httpTargets });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return read.value;
}

const timing = (definition: TaskDefinition, activeFrom: number): Timing =>
  timingOf(uid, definition, activeFrom, calendar) as Timing;

const at = fc.integer({ min: -30, max: 90 }).map((half) => formatInstant(t0 + half * 500));
const fields = fc.record({
  schedule: fc.oneof(
    fc.record({ every: fc.constantFrom('1s', '2s', '3s', '7s'), anchor: at }),
    fc.record({ at }),
    fc.constantFrom({ cron: '*/5 * * * * *' }, { cron: '* * * * *' }),
  ),
  startsAt: fc.option(at, { freq: 4 }),
  endsAt: fc.option(at, { freq: 4 }),
  jitter: fc.option(fc.constantFrom('1500ms', '10s'), { freq: 2 }),
  maxRuns: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 4 }),
  misfire: fc.record({
    policy: fc.constantFrom('skip' as const, 'fire_once' as const, 'fire_all' as const),
    grace: fc.constantFrom('0s', '3s', '1m'),
    limit: fc.integer({ min: 1, max: 4 }),
  }),
});
/** A task, what a client makes of some of its fields, when, and which of what was due has its run. */
const scene = fc
  .record({
    before: fields,
    after: fields,
    changed: fc.subarray(['schedule', 'startsAt', 'endsAt', 'jitter', 'maxRuns', 'misfire'] as const),
    status: fc.constantFrom(null, 'stopped' as const, 'active' as const),
    activeFrom: fc.integer({ min: -20_000, max: 0 }),
    open: fc.integer({ min: 0, max: 10_000 }),
    elapsed: fc.integer({ min: 0, max: 30_000 }),
    claimed: fc.nat({ max: 12 }),
    ran: fc.infiniteStream(fc.boolean()),
  })
  .map(({ before, after, changed, elapsed, open, ran, ...rest }) => {
    const merged: Partial<TaskInput> = { ...before };
    for (const name of changed) Object.assign(merged, { [name]: after[name] });
    const bounded = (input: Partial<TaskInput>) =>
      input.startsAt && input.endsAt && input.startsAt > input.endsAt ? { ...input, startsAt: null } : input;
    const standing: Standing = {
      ...{ uid, activeFrom: t0 + rest.activeFrom, definition: define(bounded(before)) },
      claimed: before.maxRuns === null ? 0 : Math.min(rest.claimed, before.maxRuns),
    };
    const upTo = t0 + elapsed;
    const from = Math.max(standing.activeFrom, upTo - open);
    const old = timing(standing.definition, standing.activeFrom);
    const due = atOnce(firstOccurrences(old, from, upTo, many));
    const have = due.filter(() => ran.next().value);
    const moment: Moment = {
      ...{ at: upTo, open: { after: from, upTo, ran: have }, counted: rest.claimed, cancelled: [], stoppedAt: null },
    };
    return { standing, wanted: define(bounded(merged)), status: rest.status, moment, old, due };
  });

type Revision = Extract<Revised, { ok: true }>['revision'];

function forEach(
  holds: (
    given: { revision: Revision; wanted: TaskDefinition; at: number } & Pick<
      Scene,
      'standing' | 'old' | 'due' | 'moment'
    >,
  ) => void,
): void {
  let decided = 0;
  fc.assert(
    fc.property(scene, ({ standing, wanted, status, moment, old, due }) => {
      const wish = { definition: wanted, status, catchUp: 'skip' as const };
      if (isPlainChange(standing.definition, wish)) return;
      const revised = revise(standing, wish, moment, calendar);
      if (!revised.ok) return;
      decided++;
      holds({ revision: revised.revision, wanted, at: moment.at, standing, old, due, moment });
    }),
    cases(500),
  );
  expect(decided).toBeGreaterThan(150);
}
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

describe('a change of an active task', () => {
  test('accounts for every occurrence up to it that has no run: it is made, or missed', () => {
    forEach(({ revision: { cut, activeFrom }, standing, due, moment }) => {
      const have = new Set(moment.open.ran);
      const left = standing.definition.maxRuns === null ? Infinity : standing.definition.maxRuns - standing.claimed;
      const missing = due.filter((instant) => !have.has(instant)).slice(0, left);
      if (activeFrom === null) return;
      const made = new Set([...cut.inTime, ...cut.caughtUp]);
      const missed = missing.filter((instant) => !made.has(instant));
      expect(cut.miss?.count ?? 0).toBe(missed.length);
      if (missed.length > 0) expect(cut.miss).toMatchObject({ from: missed[0], to: missed.at(-1) });
      for (const instant of cut.caughtUp) expect(missing).toContain(instant);
      expect(made.size).toBe(cut.inTime.length + cut.caughtUp.length);
    });
  });

  test('makes nothing that the new definition has not, and nothing of a task that is not active', () => {
    forEach(({ revision: { cut, definition, activeFrom }, wanted, at }) => {
      const made = [...cut.inTime, ...cut.caughtUp];
      if (definition.status !== 'active') return expect(made).toEqual([]);
      for (const instant of made) {
        expect(isOccurrence(timing(wanted, activeFrom ?? 0), instant)).toBe(true);
        expect(instant).toBeLessThanOrEqual(at);
      }
    });
  });

  test('keeps what is in time and due under both definitions', () => {
    forEach(({ revision: { cut, definition, activeFrom }, wanted, due, moment, at, standing }) => {
      if (definition.status !== 'active' || activeFrom === null || standing.definition.maxRuns !== null) return;
      const grace = Math.max(1_000, wanted.misfire.grace === '1m' ? 60_000 : wanted.misfire.grace === '3s' ? 3_000 : 0);
      for (const instant of due)
        if (!moment.open.ran.includes(instant) && instant >= at - grace && isOccurrence(timing(wanted, 0), instant))
          expect(cut.inTime).toContain(instant);
    });
  });

  test('leaves to the new definition what comes after it, what jitter moved there included, and nothing twice', () => {
    forEach(({ revision: { definition, activeFrom, cut }, wanted, old, at, standing }) => {
      if (definition.status !== 'active' || activeFrom === null) return;
      const next = timing(wanted, activeFrom);
      const coming = nextOccurrence(next, activeFrom);
      const grown = 'at' in wanted.schedule && coming !== null && coming <= at;
      const pulled = coming !== null && cut.inTime.includes(coming);
      if (coming !== null && !grown && !pulled) expect(coming).toBeGreaterThan(at);
      const before = standing.definition;
      const same =
        JSON.stringify([before.schedule, before.jitter]) === JSON.stringify([wanted.schedule, wanted.jitter]);
      if (same && before.startsAt === wanted.startsAt && before.endsAt === wanted.endsAt)
        expect(atOnce(firstOccurrences(next, at, at + 60_000, 20))).toEqual(
          atOnce(firstOccurrences(old, at, at + 60_000, 20)),
        );
    });
  });

  test('leaves alone when it is due where only maxRuns changes', () => {
    const before = define({ schedule: { every: '1h', anchor: formatInstant(t0) } });
    const standing: Standing = { uid, activeFrom: t0 - second, definition: before, claimed: 0 };
    const open = { after: t0 - second, upTo: t0 + 2 * second, ran: [] };
    const moment: Moment = { at: t0 + 2 * second, open, counted: 3, cancelled: [], stoppedAt: null };
    const wish = { definition: { ...before, maxRuns: 1_000 }, status: null, catchUp: 'skip' as const };
    const revised = revise(standing, wish, moment, calendar);
    expect(revised).toMatchObject({ ok: true, revision: { activeFrom: null, claimed: 3, cut: { miss: null } } });
  });
});

describe('jitter', () => {
  test('never moves an occurrence past endsAt', () => {
    fc.assert(
      fc.property(fields, fc.integer({ min: 0, max: 60_000 }), (input, end) => {
        const endsAt = formatInstant(t0 + end);
        const task = timing(define({ ...input, startsAt: null, jitter: '10s', endsAt }), t0 - 20_000);
        for (const instant of atOnce(firstOccurrences(task, t0 - 20_000, Infinity, 100)))
          expect(instant).toBeLessThanOrEqual(t0 + end);
      }),
    );
  });

  test.each(['stopped and started', 'changed'])('that moved an occurrence past a change has it fire (%s)', (how) => {
    // Nominal t0, moved by some seconds: in between comes the change.
    const definition = define({ schedule: { every: '1h', anchor: formatInstant(t0) }, jitter: '30s' });
    const told = nextOccurrence(timing(definition, t0 - second), t0 - second) as number;
    expect(told).toBeGreaterThan(t0 + 10);
    let standing: Standing = { uid, activeFrom: t0 - second, definition, claimed: 0 };
    const change = (at: number, wanted: TaskDefinition, status: 'stopped' | 'active' | null) => {
      const open = { after: standing.activeFrom, upTo: at, ran: [] };
      const moment: Moment = { at, open, counted: 0, cancelled: [], stoppedAt: null };
      const revised = revise(standing, { definition: wanted, status, catchUp: 'skip' }, moment, calendar);
      if (!revised.ok) throw new Error('refused');
      const { revision } = revised;
      expect(revision.cut.miss).toBeNull();
      standing = {
        ...standing,
        definition: revision.definition,
        activeFrom: revision.activeFrom ?? standing.activeFrom,
      };
    };
    if (how === 'changed') change(t0 + 5, { ...definition, endsAt: formatInstant(t0 + 86_400_000) }, null);
    else {
      change(t0 + 4, definition, 'stopped');
      change(t0 + 5, standing.definition, 'active');
    }
    expect(nextOccurrence(timing(standing.definition, standing.activeFrom), t0 + 5)).toBe(told);
  });
});

test('a change that makes up for ten thousand occurrences is decided in steps of a few questions each', () => {
  let asked = 0;
  const observed: Calendar = {
    ...calendar,
    compile(expression, timezone) {
      const compiled = calendar.compile(expression, timezone);
      if (!compiled.ok) return compiled;
      const { next, ...cron } = compiled.value;
      const counted = (after: number) => {
        asked++;
        return next(after);
      };
      return { ok: true, value: { ...cron, next: counted } };
    },
  };
  const misfire = { policy: 'skip', grace: '1m', limit: 10_000 } as const;
  const jitter = '500ms';
  const stopped = { ...define({ schedule: { cron: '* * * * * *' }, jitter, misfire }), status: 'stopped' as const };
  const day = 86_400 * second;
  const standing: Standing = { uid, activeFrom: t0 - day, definition: stopped, claimed: 0 };
  const ran = Array.from({ length: 1_000 }, (_, place) => t0 - place * second);
  const open = { after: t0 - day, upTo: t0, ran };
  const moment: Moment = { at: t0, open, counted: 0, cancelled: [], stoppedAt: t0 - day };
  const wish = { definition: stopped, status: 'active', catchUp: 'fire_all' } as const;
  const steps = reviseInSteps(standing, wish, moment, observed);
  let most = 0;
  for (let step = steps.next(); !step.done; step = steps.next()) {
    most = Math.max(most, asked);
    asked = 0;
  }
  expect(most).toBeGreaterThan(0);
  expect(Math.max(most, asked)).toBeLessThanOrEqual(60);
});
