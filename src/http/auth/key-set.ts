/**
 * The keys that tokens are checked with. They are fetched when needed, kept, and used for a while when they cannot be
 * fetched again.
 */

import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../clock.ts';

export type KeySet = {
  /** Gives the key of a token's header. Rejects with jose's error, or with `KeysUnavailable`. */
  keyOf: JWTVerifyGetKey;
};

/** The keys cannot be fetched, so tokens cannot be checked. */
export class KeysUnavailable extends Error {}

/** Times in milliseconds. */
const fetchTimeoutMs = 2_000;
/** Keys younger than this are used without asking. */
const freshMs = 10 * 60_000;
/**
 * Older keys are used up to this age while the key set cannot be fetched. Not longer, because one of them may have been
 * revoked.
 */
const usableMs = 6 * 3_600_000;
/** A failure is remembered: until this is over no request waits for another try. */
const failurePauseMs = 5_000;
/** A token with an unknown `kid` fetches the key set again, but not more often than this. */
const unknownPauseMs = 30_000;
const largestSet = 512 * 1024;

/** `onFailed` and `onRecovered` are called once each time it begins and ends that the key set cannot be fetched. */
export type KeySetOptions = {
  url: string;
  clock: Clock;
  onFailed: (error: Error, hasKeys: boolean) => void;
  onRecovered: () => void;
};

export function createKeySet({ url, clock, onFailed, onRecovered }: KeySetOptions): KeySet {
  let keys: { find: JWTVerifyGetKey; at: number } | null = null;
  let lastTry: { at: number; failed: boolean } = { at: -Infinity, failed: false };
  let pending: Promise<void> | null = null;

  const age = () => (keys === null ? Infinity : clock.monotonic() - keys.at);

  /** One fetch for all requests at the same time. Never rejects. */
  function load(): Promise<void> {
    pending ??= fetchKeySet(url, clock)
      .then(
        (set) => {
          keys = { find: createLocalJWKSet(set), at: clock.monotonic() };
          if (lastTry.failed) onRecovered();
          lastTry = { at: clock.monotonic(), failed: false };
        },
        (error: Error) => {
          if (!lastTry.failed) onFailed(error, age() < usableMs);
          lastTry = { at: clock.monotonic(), failed: true };
        },
      )
      .finally(() => {
        pending = null;
      });
    return pending;
  }

  /** Whether the last try is so long ago that another may be made. */
  function mayTry(pauseMs: number): boolean {
    return pending !== null || clock.monotonic() - lastTry.at >= (lastTry.failed ? failurePauseMs : pauseMs);
  }

  return {
    async keyOf(header, token) {
      if (age() >= freshMs && mayTry(0)) {
        const hasFailed = lastTry.failed;
        const loaded = load();
        // After a failure the known keys serve on, and no request waits for the next try.
        if (age() >= usableMs || !hasFailed) await loaded;
      }
      if (keys === null || age() >= usableMs) throw new KeysUnavailable('there are no keys');
      try {
        return await keys.find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        // It may be a new key.
        if (mayTry(unknownPauseMs)) await load();
        if (lastTry.failed) throw new KeysUnavailable('a new key cannot be looked for', { cause: error });
        return keys.find(header, token);
      }
    },
  };
}

/** Follows no redirect: the setting says where keys come from. */
async function fetchKeySet(url: string, clock: Clock): Promise<JSONWebKeySet> {
  const abort = new AbortController();
  const timer = clock.after(fetchTimeoutMs, () => abort.abort(new Error(`no answer within ${fetchTimeoutMs} ms`)));
  try {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { accept: 'application/jwk-set+json, application/json' },
      signal: abort.signal,
    });
    if (answer.status !== 200) throw new Error(`the answer has the status ${answer.status}`);
    const set = JSON.parse(await textOf(answer)) as JSONWebKeySet;
    // An issuer that gives an empty key set for a moment must not lock all callers out.
    if (!Array.isArray(set?.keys) || set.keys.length === 0) throw new Error('the answer holds no keys');
    return set;
  } finally {
    timer.cancel();
    abort.abort();
  }
}

async function textOf(answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (size > largestSet) throw new Error(`the answer is larger than ${largestSet} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
