/** The limits that a run has to pass before it starts, and the decision which of the waiting runs start. */

import { parseDuration } from '../input/duration.ts';
import type { Policies } from '../task/policies.ts';

export const limitKinds = ['task', 'rate', 'concurrency', 'namespace'] as const;
export type LimitKind = (typeof limitKinds)[number];

/** One limit of a run. Its key has the kind and the client's name: `concurrency:reports`. */
export type Limit = {
  kind: LimitKind;
  /** Keys of different namespaces have nothing to do with each other. */
  namespace: string;
  key: string;
  /** At most so many running at once, or starts in any `periodMs`. */
  limit: number;
  /** For a rate; 0 for the others. */
  periodMs: number;
};

/** The key of a namespace's own limit. */
export const namespaceKey = 'namespace';

/** The policies that limits come from; a policy that the task does not have is null or absent. */
export type LimitPolicies = Partial<Pick<Policies, 'maxConcurrency' | 'concurrency' | 'rate'>>;

/**
 * The limits of a task's runs, in the order in which a run waits at them (see `admit`); empty for most tasks. `quota` is
 * how many runs of the namespace may run at once; null for any number.
 */
export function limitsOf(
  { namespace, uid }: { namespace: string; uid: number },
  { maxConcurrency, rate, concurrency }: LimitPolicies,
  quota: number | null = null,
): Limit[] {
  const limits: Limit[] = [];
  if (maxConcurrency != null)
    limits.push({ kind: 'task', namespace, key: `task:${uid}`, limit: maxConcurrency, periodMs: 0 });
  if (rate != null) {
    const periodMs = parseDuration(rate.period) ?? 0;
    limits.push({ kind: 'rate', namespace, key: `rate:${rate.key}`, limit: rate.limit, periodMs });
  }
  if (concurrency != null) {
    const { key, limit } = concurrency;
    limits.push({ kind: 'concurrency', namespace, key: `concurrency:${key}`, limit, periodMs: 0 });
  }
  if (quota !== null) limits.push({ kind: 'namespace', namespace, key: namespaceKey, limit: quota, periodMs: 0 });
  return limits;
}

/** Whether two definitions of one task have the same limits. */
export function sameLimits(one: LimitPolicies, other: LimitPolicies): boolean {
  const shown = (policies: LimitPolicies) => JSON.stringify(limitsOf({ namespace: '', uid: 0 }, policies));
  return shown(one) === shown(other);
}

/** The name of a limit in a `LimitState`. */
export function nameOf({ namespace, key }: Pick<Limit, 'namespace' | 'key'>): string {
  return `${namespace}/${key}`;
}

/**
 * How things stand at `now` (epoch milliseconds, like all starts). A key that is not in the maps has neither runs nor
 * starts.
 */
export type LimitState = {
  now: number;
  /** By the name of a limit: how many runs are running. */
  running: ReadonlyMap<string, number>;
  /** By the name of a rate: when attempts were begun, oldest first; as many of the newest as its limits ask about. */
  starts: ReadonlyMap<string, readonly number[]>;
};

/** A start that lies further ahead was noted by a clock that has been set back since. Its true time is unknown. */
const mostAheadMs = 60_000;

/** How many more runs a limit lets through now. Negative where the limit has been lowered since. */
function roomAt(each: Limit, { now, running, starts }: LimitState): number {
  const { kind, limit, periodMs } = each;
  if (kind !== 'rate') return limit - (running.get(nameOf(each)) ?? 0);
  return limit - (starts.get(nameOf(each)) ?? []).filter((at) => at > now - periodMs && at <= now + mostAheadMs).length;
}

/** When a rate without room lets the next attempt through, if nothing else happens. */
function opensAt(rate: Limit, { now, starts }: LimitState): number {
  const counted = (starts.get(nameOf(rate)) ?? []).filter((at) => at <= now + mostAheadMs);
  return (counted.at(-rate.limit) ?? now) + rate.periodMs;
}

/** The room that limits leave, without regard to other waiting runs. */
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

/** A run that waits for its limits. */
export type Candidate = { id: string; limits: readonly Limit[] };

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
 * limits), and fewer than its limit have been begun within the last period of its rate. A run that cannot start waits
 * at a single limit. Later runs wait behind it there, even where their own limit is higher. At its other keys it takes
 * no place and holds up no run. It waits at the first of these that is reached: its task's limit, which concerns no
 * other task; its rate, so that a run that may not start for a day takes no place meanwhile; its concurrency; its
 * namespace's quota.
 */
export function admit<C extends Candidate>(candidates: Iterable<C>, state: LimitState, most: number): Admission<C> {
  const running = new Map(state.running);
  const starts = new Map(state.starts);
  const now = { ...state, running, starts };
  const closed = new Set<string>();
  const starting: C[] = [];
  let earliest: number | null = null;
  for (const candidate of candidates) {
    if (starting.length >= most) break;
    const { limits } = candidate;
    const held = limits.find((limit) => closed.has(nameOf(limit)) || roomAt(limit, now) <= 0);
    if (held === undefined) {
      starting.push(candidate);
      for (const limit of limits) {
        const name = nameOf(limit);
        if (limit.kind !== 'rate') running.set(name, (running.get(name) ?? 0) + 1);
        else starts.set(name, [...(starts.get(name) ?? []), startInstant(starts.get(name) ?? [], state.now)]);
      }
    } else if (!closed.has(nameOf(held))) {
      closed.add(nameOf(held));
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
