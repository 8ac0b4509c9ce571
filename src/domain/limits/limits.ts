/**
 * The limits that a run has to pass before it starts: the text that is kept with it, and which of those that wait
 * start.
 */

import { parseDuration } from '../input/duration.ts';
import type { Policies } from '../task/policies.ts';

/** Stands in a gate for the number of the task, which is not known before it is stored. */
export const ownTask = '{uid}';

/**
 * The gate of a task's runs: `task:{uid}=3 concurrency:reports=5 rate:api=100/60000` (milliseconds), or null where it
 * has no limits. Keys hold no blanks, so the text can be taken apart again.
 */
export function gateOf({
  maxConcurrency,
  concurrency,
  rate,
}: Pick<Policies, 'maxConcurrency' | 'concurrency' | 'rate'>): string | null {
  const parts: string[] = [];
  if (maxConcurrency !== null) parts.push(`task:${ownTask}=${maxConcurrency}`);
  if (concurrency !== null) parts.push(`concurrency:${concurrency.key}=${concurrency.limit}`);
  if (rate !== null) parts.push(`rate:${rate.key}=${rate.limit}/${parseDuration(rate.period) ?? 0}`);
  return parts.length === 0 ? null : parts.join(' ');
}

export const limitKinds = ['task', 'rate', 'concurrency'] as const;
export type LimitKind = (typeof limitKinds)[number];

/** One limit of a gate. Its key names what is counted, with its kind: `concurrency:reports`. */
export type Limit = {
  kind: LimitKind;
  key: string;
  /** At most so many running at once, or starts in any `periodMs`. */
  limit: number;
  /** For a rate; 0 for the others. */
  periodMs: number;
};

/** The limits of a gate in the order in which a run waits at them, see `admit`. */
export function limitsOf(gate: string): Limit[] {
  const limits = gate.split(' ').map((part) => {
    const [kind] = part.split(':', 1);
    const [limit, period] = part.slice(part.lastIndexOf('=') + 1).split('/');
    const key = part.slice(0, part.lastIndexOf('='));
    return { kind: kind as LimitKind, key, limit: Number(limit), periodMs: Number(period ?? 0) };
  });
  return limits.sort((a, b) => limitKinds.indexOf(a.kind) - limitKinds.indexOf(b.kind));
}

/**
 * How things stand at `now` (epoch milliseconds, like all starts). A key that is not in the maps has neither runs nor
 * starts.
 */
export type LimitState = {
  now: number;
  /** By key: how many runs are running. */
  running: ReadonlyMap<string, number>;
  /** By the key of a rate: when attempts were begun, oldest first; as many of the newest as its limits ask about. */
  starts: ReadonlyMap<string, readonly number[]>;
};

/** A start that lies further ahead was noted by a clock that has been set back since. Its true time is unknown. */
const mostAheadMs = 60_000;

/** How many more runs a limit lets through now. Negative where the limit has been lowered since. */
function roomAt({ kind, key, limit, periodMs }: Limit, { now, running, starts }: LimitState): number {
  if (kind !== 'rate') return limit - (running.get(key) ?? 0);
  return limit - (starts.get(key) ?? []).filter((at) => at > now - periodMs && at <= now + mostAheadMs).length;
}

/** When a rate without room lets the next attempt through, if nothing else happens. */
function opensAt({ key, limit, periodMs }: Limit, { now, starts }: LimitState): number {
  const counted = (starts.get(key) ?? []).filter((at) => at <= now + mostAheadMs);
  return (counted.at(-limit) ?? now) + periodMs;
}

/** What a gate would let through if nobody else waited. */
export type Room = {
  /** How many runs; 0 where one of its limits is reached. */
  room: number;
  /** The limit at which its next run waits; null while there is room. */
  heldAt: Limit | null;
  /** When that limit lets it through, where it is a rate. */
  opensAt: number | null;
};

export function roomFor(limits: readonly Limit[], state: LimitState): Room {
  const heldAt = limits.find((limit) => roomAt(limit, state) <= 0) ?? null;
  return {
    room: heldAt ? 0 : Math.min(...limits.map((limit) => roomAt(limit, state))),
    heldAt,
    opensAt: heldAt?.kind === 'rate' ? opensAt(heldAt, state) : null,
  };
}

/** A run that waits at a gate. */
export type Candidate = { id: string; gate: string };

export type Admission<C extends Candidate> = {
  /** Those that start, in the order given. */
  starting: C[];
  /** The earliest instant at which a rate lets one through that it holds up now; null where none does. */
  opensAt: number | null;
};

/**
 * Decides which of `candidates`, given in the order of their effective due times, start now: at most `most`.
 *
 * A run starts if fewer than its own limit are running for each of its keys (tasks may name one key with different
 * limits), and fewer than its limit have been begun within the last period of its rate. One that cannot start waits at
 * a single limit, and whoever comes later waits behind it there, even where its own limit is higher; at its other keys
 * it takes no place and holds up nobody. The one is the first reached of: its task's, which concerns no other task; its
 * rate, so that a run that may not start for a day occupies nothing meanwhile; its concurrency.
 */
export function admit<C extends Candidate>(candidates: Iterable<C>, state: LimitState, most: number): Admission<C> {
  const running = new Map(state.running);
  const starts = new Map(state.starts);
  const now = { ...state, running, starts };
  const closed = new Set<string>();
  const gates = new Map<string, Limit[]>();
  const starting: C[] = [];
  let earliest: number | null = null;
  for (const candidate of candidates) {
    if (starting.length >= most) break;
    const limits = gates.get(candidate.gate) ?? limitsOf(candidate.gate);
    gates.set(candidate.gate, limits);
    const held = limits.find((limit) => closed.has(limit.key) || roomAt(limit, now) <= 0);
    if (held === undefined) {
      starting.push(candidate);
      for (const { kind, key } of limits)
        if (kind !== 'rate') running.set(key, (running.get(key) ?? 0) + 1);
        else starts.set(key, [...(starts.get(key) ?? []), startInstant(starts.get(key) ?? [], state.now)]);
    } else if (!closed.has(held.key)) {
      closed.add(held.key);
      if (held.kind === 'rate') earliest = Math.min(earliest ?? Infinity, opensAt(held, now));
    }
  }
  return { starting, opensAt: earliest };
}

/** The instant to note for a start at `now`: in order, also where another replica's time is a little ahead. */
export function startInstant(starts: readonly number[], now: number): number {
  const last = starts.at(-1) ?? now;
  return last > now && last <= now + mostAheadMs ? last : now;
}

/** The running runs by key, from how many there are of each gate. */
export function countByKey(gates: Iterable<readonly [gate: string, runs: number]>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [gate, runs] of gates)
    for (const { kind, key } of limitsOf(gate)) if (kind !== 'rate') counts.set(key, (counts.get(key) ?? 0) + runs);
  return counts;
}
