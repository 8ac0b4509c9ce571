/** Occurrences: the instants at which one task is due, and the instants that run ids hold. */

import { type CompiledSchedule, nextInstant } from './schedule.ts';

/** Everything that decides when one task is due. Instants are epoch milliseconds. */
export type Timing = {
  /** The task's internal number: seeds its jitter and is part of its run ids. */
  uid: number;
  schedule: CompiledSchedule;
  /** Nominal instants up to and including this one are not of this definition. */
  activeFrom: number;
  /** First nominal instant allowed. */
  startsAt: number | null;
  /** Last instant allowed, nominal or moved. */
  endsAt: number | null;
  /** Each occurrence is moved by a fixed amount of at most this many milliseconds. */
  jitterMs: number;
};

/**
 * The task's first occurrence strictly after `after`, or null when there is none. Strictly increasing from any start,
 * and the same on every replica: the one function behind preview, `next`, firing and catch-up.
 */
export function nextOccurrence(timing: Timing, after: number): number | null {
  const { after: base, upTo } = nominalBounds(timing);
  const pending = pendingOccurrence(timing, after);
  if (pending !== null) return pending;
  const nominal = nextInstant(timing.schedule, Math.max(after, base));
  return nominal === null || nominal > upTo ? null : occurrenceOf(timing, nominal);
}

/** All occurrences strictly after `after` (epoch milliseconds), each computed when it is asked for. */
export function* occurrencesAfter(timing: Timing, after: number): Generator<number, void> {
  for (let at = nextOccurrence(timing, after); at !== null; at = nextOccurrence(timing, at)) yield at;
}

/** A task's nominal instants are those of its schedule in (after, upTo]. */
export function nominalBounds({ activeFrom, startsAt, endsAt }: Timing): { after: number; upTo: number } {
  return { after: Math.max(activeFrom, (startsAt ?? -Infinity) - 1), upTo: endsAt ?? Infinity };
}

/**
 * The occurrence whose nominal instant has come by `at`, but which jitter moves to after it; null when there is none.
 */
export function pendingOccurrence(timing: Timing, at: number): number | null {
  const nominal = pendingNominal(timing, at);
  return nominal === null ? null : occurrenceOf(timing, nominal);
}

/** The nominal instant of that occurrence. */
export function pendingNominal(timing: Timing, at: number): number | null {
  const { schedule, jitterMs } = timing;
  if (jitterMs === 0) return null;
  const { after, upTo } = nominalBounds(timing);
  // Only the last nominal instant can still lie ahead once moved: none is moved past its successor.
  const nominal = lastNominal(schedule, Math.max(after, at - jitterMs - 1), at);
  if (nominal === null || nominal > upTo) return null;
  return occurrenceOf(timing, nominal) > at ? nominal : null;
}

/** The occurrence of one nominal instant of the task's schedule; jitter moves none past `endsAt`. */
export function occurrenceOf(timing: Timing, nominal: number): number {
  if (timing.jitterMs === 0) return nominal;
  return Math.min(nominal + offset(timing, nominal), timing.endsAt ?? Infinity);
}

/** How far one nominal instant is moved: less than `jitterMs` and less than the way to the next one. */
function offset(timing: Timing, nominal: number): number {
  const following = nextInstant(timing.schedule, nominal);
  const room = Math.min(timing.jitterMs + 1, following === null ? Infinity : following - nominal);
  return Math.floor(fractionOf(timing.uid, nominal) * room);
}

/** The last nominal instant in (from, to], or null: by halving, for a schedule can only be asked forwards. */
function lastNominal(schedule: CompiledSchedule, from: number, to: number): number | null {
  let found: number | null = null;
  let low = from;
  let high = to;
  while (low < high) {
    const middle = found === null ? low : Math.floor((low + high) / 2);
    const next = nextInstant(schedule, middle);
    if (next !== null && next <= to) {
      found = next;
      low = next;
    } else if (found === null) return null;
    else high = middle;
  }
  return found;
}

/** An evenly distributed number in [0, 1) from two integers (the finalizer of MurmurHash3, public domain). */
function fractionOf(uid: number, instant: number): number {
  let hash = 0x9e3779b9;
  for (const word of [uid % 2 ** 32, uid / 2 ** 32, instant % 2 ** 32, instant / 2 ** 32]) {
    hash = Math.imul(hash ^ (word | 0), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return (hash >>> 0) / 2 ** 32;
}

/** The instant that a run id starts with, in epoch milliseconds. */
export function instantOfRunId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The least run id that an instant (epoch milliseconds) can have: a bound for key ranges of history. */
export function leastRunId(instant: number): string {
  const time = Math.min(Math.max(instant, 0), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/**
 * A UUIDv7 (RFC 9562 §5.7) of `instant` (epoch milliseconds): for manual runs and generated task ids.
 * `random` fills ten bytes.
 */
export function timeOrderedId(instant: number, random: (bytes: Uint8Array) => void): string {
  const bytes = new Uint8Array(10);
  random(bytes);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const time = instant.toString(16).padStart(12, '0');
  const variant = ((Number.parseInt(hex.slice(3, 4), 16) & 3) | 8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}
