/**
 * Decides about a change of a task's definition: its new status, when it is due, and what happens to occurrences that
 * were due before.
 *
 * A change has one instant, by the database's clock, while it holds the task's row. Occurrences up to it belong to the
 * definition before, later ones to the new one. See `docs/runs.md`.
 */

import { isDeepStrictEqual } from 'node:util';
import type { FieldError } from '../../errors.ts';
import { parseDuration } from '../input/duration.ts';
import { parseInstant } from '../input/instant.ts';
import type { Calendar } from '../schedule/calendar.ts';
import { decideMisfires, type Misfire, misfireRule } from '../schedule/misfire.ts';
import { nextOccurrence, occurrenceOf, pendingNominal, type Timing } from '../schedule/occurrence.ts';
import type { Schedule } from '../schedule/schedule.ts';
import { atOnce, type Steps } from '../schedule/steps.ts';
import { type Cut, cutOff, isOccurrence, missedIn, type Unaccounted } from './cut.ts';
import { nextStatus, type TaskStatus } from './states.ts';
import { activeFromFor, changesTiming, nothingLeft, type TaskDefinition, timingOf } from './task.ts';

/** A task as it is stored. Instants are epoch milliseconds. */
export type Standing = { uid: number; definition: TaskDefinition; activeFrom: number; claimed: number };

/** The facts that are known while the task's row is locked. */
export type Moment = {
  /** The instant of the change. */
  at: number;
  /** The occurrences since the last sweep, or since a stop, with the runs that exist. */
  open: Unaccounted;
  /**
   * Occurrences of the whole life of the task that became runs, up to the new `maxRuns`; asked where that is another.
   */
  counted: number;
  /** Waiting runs that the last stop cancelled before they began: their instants. */
  cancelled: readonly number[];
  /** When the task was stopped last, or null. The stop recorded the occurrences up to then. */
  stoppedAt: number | null;
};

/** Why an occurrence that was due may not start any more. */
export type CutReason = 'stopped' | 'changed' | 'deleted';

export type Revision = {
  definition: TaskDefinition;
  /** The instant that its occurrences begin after; null where a change leaves alone when the task is due. */
  activeFrom: number | null;
  /** How many of its occurrences count for `maxRuns`. */
  claimed: number;
  cut: Cut;
  /** Instants whose cancelled runs are made again. */
  again: number[];
  reason: CutReason;
  /** The misfire policy that decided about the misses. */
  policy: Misfire['policy'];
};

export type RevisionFault =
  | { kind: 'illegal_transition' | 'nothing_left'; detail: string }
  | { kind: 'meaningless'; errors: FieldError[] };

export type Revised = { ok: true; revision: Revision } | { ok: false; fault: RevisionFault };

/**
 * A change that a client asks for: a definition, a status (null: the one that the task has), and the occurrences that a
 * start makes up for.
 */
export type Wish = { definition: TaskDefinition; status: TaskStatus | null; catchUp: Misfire['policy'] };

/** Whether a change only writes the new definition, and changes neither the status nor when the task is due. */
export function isPlainChange(before: TaskDefinition, { definition, status }: Wish): boolean {
  const kept = status === null || status === before.status;
  return kept && before.maxRuns === definition.maxRuns && !changesTiming(before, definition);
}

/** `reviseInSteps` without a pause: for changes that look at few occurrences. */
export function revise(current: Standing, wish: Wish, moment: Moment, calendar: Calendar): Revised {
  return atOnce(reviseInSteps(current, wish, moment, calendar));
}

/** Decides about a change that is not plain. Pure: everything it needs was read while the task's row was held. */
export function* reviseInSteps(current: Standing, wish: Wish, moment: Moment, calendar: Calendar): Steps<Revised> {
  const { definition: before, uid } = current;
  const { at, open } = moment;
  const wanted = wish.definition;
  const timing = changesTiming(before, wanted);
  const claimed = claimedBy(current, wanted, moment);
  const spent = wanted.maxRuns !== null && claimed >= wanted.maxRuns;
  const old = timingOf(uid, before, current.activeFrom, calendar);
  const activeFrom = beginOf(current, wanted, old, at);
  const next = timingOf(uid, wanted, activeFrom, calendar);
  const isActive = before.status === 'active';
  const isStart = before.status === 'stopped' && wish.status === 'active';

  const leftBefore = before.maxRuns === null ? null : Math.max(0, before.maxRuns - current.claimed);
  const whole = old === null ? nothing : yield* cutOff(old, open, leftBefore, stay(wanted, next, spent));
  const pulled = isActive && old && next && !spent ? pulledForward(old, next, at) : [];
  const made = isStart && !spent ? yield* caughtUp(current, old, wish.catchUp, moment) : { cut: nothing, again: [] };
  const comes = 'manual' in wanted.schedule || (!spent && next !== null && nextOccurrence(next, at) !== null);
  const running = isActive ? whole.inTime.length + whole.caughtUp.length + pulled.length : 0;
  // A new single instant that has just passed still counts.
  const single = !spent && next?.schedule.kind === 'at' ? nextOccurrence(next, activeFrom) : null;
  const startsLate = single !== null;
  // It may lie below the watermark, where no sweep looks for it: its run is inserted with the change.
  const late = single !== null && single <= at && timing ? [single] : [];
  const left = comes || startsLate || running + made.cut.caughtUp.length + made.again.length > 0;

  const limit = before.maxRuns !== wanted.maxRuns;
  const status = nextStatus(before.status, wish.status, { timing, limit, spent, left });
  if (!status.ok) return { ok: false, fault: faultOf(status.fault, before.status, wish.status, wanted) };
  const definition = { ...wanted, status: status.status };
  const turned = status.status !== before.status;
  const policy = isStart ? wish.catchUp : before.misfire.policy;
  const result = (cut: Cut, from: number | null, reason: CutReason, again: number[] = []): Revised => ({
    ok: true,
    revision: { definition, activeFrom: from, claimed, cut, again, reason, policy },
  });

  if (!timing && !turned) return result(nothing, null, 'changed');
  if (isActive && status.status !== 'active') {
    const cut = old === null ? nothing : yield* cutOff(old, open, leftBefore, null);
    // A start may make up for these occurrences. The open stretch then begins where this one ends.
    const from = cut.miss && old ? beginAfter(old, cut.miss.from - 1) : activeFrom;
    return result(cut, from, status.status === 'stopped' ? 'stopped' : 'changed');
  }
  if (isActive) return result({ ...whole, inTime: withRuns(whole.inTime, pulled, late) }, activeFrom, 'changed');
  if (isStart)
    return result({ ...made.cut, inTime: withRuns(made.cut.inTime, late) }, activeFrom, 'stopped', made.again);
  // A stopped task keeps the stretch that a start may make up for, as long as it is due at the same instants.
  const keeps = status.status === 'stopped' && isSameBeat(before, wanted);
  const cut = status.status === 'active' ? { ...nothing, inTime: late } : nothing;
  return result(cut, keeps ? current.activeFrom : activeFrom, 'changed');
}

/** The occurrences that a deletion cuts off. */
export function* cutByDeletion(current: Standing, open: Unaccounted, calendar: Calendar): Steps<Cut> {
  const { definition, uid, activeFrom, claimed } = current;
  const timing = definition.status === 'active' ? timingOf(uid, definition, activeFrom, calendar) : null;
  const left = definition.maxRuns === null ? null : Math.max(0, definition.maxRuns - claimed);
  return timing === null ? nothing : yield* cutOff(timing, open, left, null);
}

/**
 * The miss of a cut, computed again once all older claims are over: these may have started runs for some of its
 * occurrences.
 */
export function* missLeft(
  current: Standing,
  open: Unaccounted,
  miss: NonNullable<Cut['miss']>,
  calendar: Calendar,
): Steps<Cut['miss']> {
  const timing = timingOf(current.uid, current.definition, current.activeFrom, calendar);
  if (timing === null) return miss;
  return yield* missedIn(timing, { ...open, after: Math.max(open.after, miss.from - 1), upTo: miss.to }, []);
}

/** Whether a waiting run of this instant is still due after a change; one of a task that is not active is not. */
export function staysDue(current: Standing, instant: number, calendar: Calendar): boolean {
  const timing = timingOf(current.uid, current.definition, current.activeFrom, calendar);
  return timing !== null && isOccurrence(timing, instant);
}

/**
 * How many runs count for `maxRuns`. The history may hold fewer runs than were counted. No more than `maxRuns` are
 * counted.
 */
function claimedBy({ definition, claimed }: Standing, { maxRuns }: TaskDefinition, { counted }: Moment): number {
  if (maxRuns === null || maxRuns === definition.maxRuns) return claimed;
  return definition.maxRuns === null ? counted : Math.max(claimed, counted);
}

/**
 * The start of the new definition's occurrences: after the change, except for an occurrence that jitter moved past it.
 */
function beginOf({ definition }: Standing, wanted: TaskDefinition, old: Timing | null, at: number): number {
  const { schedule } = wanted;
  if (!isSameSchedule(definition.schedule, schedule)) return activeFromFor(schedule, at);
  return old === null ? at : beginAfter(old, at);
}

/** The greatest bound on nominal instants that leaves in every occurrence after `instant`. */
function beginAfter(timing: Timing, instant: number): number {
  const pending = pendingNominal(timing, instant);
  return pending === null ? instant : pending - 1;
}

/** Which occurrences of the definition before the new one has as well; null where it has none. */
function stay(wanted: TaskDefinition, next: Timing | null, spent: boolean) {
  if (next === null || spent) return null;
  return { rule: misfireRule(wanted.misfire), isDue: (instant: number) => isOccurrence(next, instant) };
}

/** An occurrence that was still to come by the jitter before, and has passed by the new one: it is due now. */
function pulledForward(old: Timing, next: Timing, at: number): number[] {
  const nominal = old.jitterMs !== next.jitterMs ? pendingNominal(old, at) : null;
  if (nominal === null || next.activeFrom >= nominal) return [];
  const instant = occurrenceOf(next, nominal);
  return instant <= at && isOccurrence(next, instant) ? [instant] : [];
}

/** The occurrences since the stop that a start makes up for, and those that are missed. */
function* caughtUp(
  { definition }: Standing,
  old: Timing | null,
  policy: Misfire['policy'],
  { open, cancelled, stoppedAt }: Moment,
): Steps<{ cut: Cut; again: number[] }> {
  if (policy === 'skip' || old === null) return { cut: nothing, again: [] };
  const rule = { ...misfireRule(definition.misfire), policy };
  const decision = yield* decideMisfires(old, rule, open.after, open.upTo, open.ran);
  const most = policy === 'fire_once' ? 1 : definition.misfire.limit;
  const chosen = new Set([...(decision?.fire ?? []), ...cancelled].sort((a, b) => a - b).slice(-most));
  const fire = (decision?.fire ?? []).filter((instant) => chosen.has(instant));
  const miss = yield* missedIn(old, { ...open, after: Math.max(open.after, stoppedAt ?? open.after) }, fire);
  return { cut: { inTime: [], caughtUp: fire, miss }, again: cancelled.filter((instant) => chosen.has(instant)) };
}

function faultOf(
  kind: 'illegal_transition' | 'nothing_left' | 'meaningless',
  before: TaskStatus,
  asked: TaskStatus | null,
  wanted: TaskDefinition,
): RevisionFault {
  if (kind === 'meaningless') return { kind, errors: nothingLeft(wanted) };
  const detail =
    kind === 'nothing_left'
      ? 'the task has nothing left to come; give it a schedule, an endsAt or a maxRuns that leaves something'
      : `a task that is ${before} cannot become ${asked}`;
  return { kind, detail };
}

/** Whether two schedules give the same instants from now on: an anchor may move by whole periods. */
function isSameSchedule(a: Schedule, b: Schedule): boolean {
  if (!('every' in a) || !('every' in b)) return isDeepStrictEqual(a, b);
  const [everyMs, from, to] = [parseDuration(a.every), parseInstant(a.anchor), parseInstant(b.anchor)];
  if (a.every !== b.every || everyMs === null || from === null || to === null) return isDeepStrictEqual(a, b);
  return (to - from) % everyMs === 0;
}

/** The same schedule with the same jitter: only bounds may differ. */
function isSameBeat(before: TaskDefinition, after: TaskDefinition): boolean {
  return isSameSchedule(before.schedule, after.schedule) && before.jitter === after.jitter;
}

const nothing: Cut = { inTime: [], caughtUp: [], miss: null };

/** A fixed rate that is written again without its anchor keeps the one it has: repeating a PUT must not move it. */
export function keepAnchor(stored: TaskDefinition, wanted: TaskDefinition, input: unknown): TaskDefinition {
  const { schedule } = wanted;
  if (!('every' in schedule) || !('every' in stored.schedule) || schedule.every !== stored.schedule.every)
    return wanted;
  const anchored = typeof input === 'object' && input !== null && 'anchor' in input && input.anchor !== null;
  return anchored ? wanted : { ...wanted, schedule: stored.schedule };
}

/** The instants of all lists, each once, in order. */
function withRuns(...instants: readonly (readonly number[])[]): number[] {
  return [...new Set(instants.flat())].sort((a, b) => a - b);
}
