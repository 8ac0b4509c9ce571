/**
 * Finds the addresses of target hosts, without the threads that Postgres, Redis and files depend on, and remembers
 * them.
 */

import type { Clock, Timer } from '../../../clock.ts';
import type { Resolved, ResolveHost } from '../connections/connector.ts';
import { type Found, isNoSuchName, type LookedUp, lookUp, merged, type NameQuery, resolveError } from './look-up.ts';
import { createNameFiles } from './name-files.ts';
import { createPlaces } from './places.ts';

export type ResolverOptions = {
  clock: Clock;
  /** Gives a file's text; throws where there is none. */
  readText(path: string): string;
  newQuery(): NameQuery;
  /** How many names are remembered, and how many are asked for at once. */
  most?: { names: number; lookUps: number };
};

export type Resolver = {
  resolve: ResolveHost;
  /** Ends the look-ups under way. */
  close(): void;
};

/** A look-up ends after so many milliseconds at the latest. */
const longestLookUpMs = 10_000;
/** How long an answer holds: as long as its TTL says, within these bounds. */
const leastFreshMs = 1_000;
const longestFreshMs = 60_000;
/** How long after that an answer is used while there is no newer one, in milliseconds. */
const staleMs = 5 * 60_000;
/** How long a look-up is waited for where there is an old answer, in milliseconds. */
const staleAfterMs = 300;
/**
 * How long it is waited for where the last look-up failed, in milliseconds. Calls that wait hold slots of the replica.
 */
const unconfirmedAfterMs = 2_000;
/**
 * How long a name is not looked up again, in milliseconds: after the answer that it does not exist, and, doubled with
 * each failure, after a failure.
 */
const pauseMs = 1_000;
const longestPauseMs = 5_000;

type Entry = {
  host: string;
  known: Resolved | null;
  /** Monotonic milliseconds: until when the known addresses hold, and until when a failure is not tried again. */
  freshUntil: number;
  pauseUntil: number;
  failure: Error | null;
  /** How many look-ups in turn were not answered. */
  failures: number;
  pending: { since: number; done: Promise<Resolved> } | null;
};

export function createResolver({ clock, readText, newQuery, most }: ResolverOptions): Resolver {
  const { names, lookUps } = most ?? { names: 8_192, lookUps: 512 };
  const files = createNameFiles({ readText, monotonic: clock.monotonic });
  const places = createPlaces(clock, lookUps);
  /** The one used longest ago first. */
  const entries = new Map<string, Entry>();
  /** The functions that end each look-up. */
  const underWay = new Set<(error: Error) => void>();

  function entryOf(host: string): Entry | null {
    const known = entries.get(host);
    if (known === undefined && entries.size >= names && !forgetOne()) return null;
    const entry = known ?? newEntry(host);
    entries.delete(host);
    entries.set(host, entry);
    return entry;
  }

  function forgetOne(): boolean {
    for (const { host, pending } of entries.values()) if (pending === null) return entries.delete(host);
    return false;
  }

  /** Begins a look-up of the entry's host. */
  function begin(entry: Entry): Promise<Resolved> {
    const { host } = entry;
    const { promise, resolve, reject } = deferred<Resolved>();
    // Callers get the addresses that were known before.
    promise.catch(() => {});
    let query: NameQuery | null = null;
    let timer: Timer | null = null;
    let leave = () => {};
    let isOver = false;

    function end(): void {
      isOver = true;
      timer?.cancel();
      query?.cancel();
      underWay.delete(stop);
      leave();
    }

    function stop(error: unknown): void {
      if (isOver) return;
      end();
      // In this case one family has answered, and only the other is given up.
      if (entry.pending?.done === promise) reject(fail(entry, error));
    }

    function found({ found, late }: LookedUp): void {
      if (isOver) return;
      const more = late?.then((other) => {
        if (!isOver) end();
        if (entry.known === known) entry.known = { addresses: merged(found, other).addresses, late: null };
        return other?.addresses ?? [];
      });
      const known = learn(entry, found, more ?? null);
      if (more === undefined) end();
      resolve(known);
    }

    underWay.add(stop);
    entry.pending = { since: clock.monotonic(), done: promise };
    places.enter(
      entry.failures > 0,
      (leavePlace) => {
        leave = leavePlace;
        if (isOver) {
          leave();
          return;
        }
        timer = clock.after(longestLookUpMs, () => stop(silence));
        query = newQuery();
        lookUp(host, files.candidates(host), query, clock).then(found, stop);
      },
      () => stop(silence),
    );
    return promise;
  }

  function learn(entry: Entry, { addresses, ttlMs }: Found, late: Resolved['late']): Resolved {
    const known = { addresses, late };
    const freshMs = Math.max(leastFreshMs, Math.min(longestFreshMs, ttlMs));
    const freshUntil = clock.monotonic() + freshMs;
    Object.assign(entry, { known, freshUntil, failure: null, failures: 0, pending: null });
    return known;
  }

  function fail(entry: Entry, error: unknown): Error {
    const failure = resolveError(entry.host, error);
    const isGone = isNoSuchName(error);
    const failures = isGone ? 0 : entry.failures + 1;
    const pause = isGone ? pauseMs : Math.min(longestPauseMs, pauseMs * 2 ** (failures - 1));
    const known = isGone ? null : entry.known;
    Object.assign(entry, { known, failure, failures, pauseUntil: clock.monotonic() + pause, pending: null });
    return failure;
  }

  /** The result of a look-up, or `instead` when that takes longer than `waitMs` or has none. */
  function within(waitMs: number, done: Promise<Resolved>, instead: Resolved | Error): Promise<Resolved> {
    const otherwise = () => (instead instanceof Error ? Promise.reject(instead) : Promise.resolve(instead));
    if (waitMs <= 0) return otherwise();
    return new Promise((complete, refuse) => {
      const timer = clock.after(waitMs, () => otherwise().then(complete, refuse));
      done
        .catch((error) => (isNoSuchName(error) ? Promise.reject(error) : otherwise()))
        .then(complete, refuse)
        .finally(() => timer.cancel());
    });
  }

  return {
    async resolve(host) {
      const own = files.addressesOf(host);
      if (own !== null) return { addresses: own, late: null };
      const entry = entryOf(host.toLowerCase());
      if (entry === null) throw resolveError(host, { code: 'EBUSY' });
      const now = clock.monotonic();
      const { known, failure, freshUntil, pauseUntil } = entry;
      if (known !== null && now < freshUntil) return known;
      const stale = now < freshUntil + staleMs ? known : null;
      if (entry.pending === null && failure !== null && now < pauseUntil) {
        if (stale !== null) return stale;
        throw failure;
      }
      const done = entry.pending?.done ?? begin(entry);
      if (stale === null && failure === null) return done;
      const waited = now - (entry.pending?.since ?? now);
      if (stale === null) return within(unconfirmedAfterMs - waited, done, failure as Error);
      return failure === null ? within(staleAfterMs - waited, done, stale) : stale;
    },
    close() {
      for (const stop of [...underWay]) stop(closed);
    },
  };
}

const silence = Object.assign(new Error('no name server answers'), { code: 'ETIMEOUT' });
const closed = Object.assign(new Error('the resolver is closed'), { code: 'ECANCELLED' });

function newEntry(host: string): Entry {
  return { host, known: null, freshUntil: 0, pauseUntil: 0, failure: null, failures: 0, pending: null };
}

function deferred<T>() {
  let resolve = (_value: T) => {};
  let reject = (_error: Error) => {};
  const promise = new Promise<T>((complete, refuse) => {
    resolve = complete;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
