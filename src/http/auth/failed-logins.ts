/** Slows down clients that repeatedly send wrong credentials, by address, and logs them. */

import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';

export type FailedLogins = {
  /** Counts one refusal (401) and resolves when it may be answered. Right credentials are never kept waiting. */
  refused(address: string, more: { forwardedFor?: string | undefined; reason: string }): Promise<void>;
};

const windowMs = 60_000;
/** From this many in a minute on, an address is slowed down and logged. */
const noticedFrom = 5;
const firstDelayMs = 25;
const longestDelayMs = 200;
/** Addresses that are remembered; those beyond are forgotten, the oldest first. */
const mostAddresses = 10_000;
/** Answers that wait at a time: they hold a connection each. More go out at once. */
const mostWaiting = 512;

type Failures = { since: number; count: number };

export function createFailedLogins(clock: Clock, log: Logger): FailedLogins {
  const known = new LRUCache<string, Failures>({ max: mostAddresses });
  let waiting = 0;

  return {
    async refused(address, { forwardedFor, reason }) {
      const key = networkOf(address);
      const now = clock.monotonic();
      let failures = known.get(key);
      if (!failures || now - failures.since >= windowMs) {
        failures = { since: now, count: 0 };
        known.set(key, failures);
      }
      const { count } = failures;
      failures.count++;
      if (failures.count < noticedFrom) return;
      if (isTold(failures.count))
        log.warn(
          {
            audit: true,
            address,
            failures: failures.count,
            reason,
            ...(forwardedFor && { forwardedFor: forwardedFor.slice(0, 200) }),
          },
          'requests of this address were refused repeatedly because of their credentials',
        );
      if (waiting >= mostWaiting) return;
      waiting++;
      const ms = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(count - noticedFrom + 1, 10));
      await new Promise<void>((resume) => clock.after(ms, resume));
      waiting--;
    },
  };
}

/**
 * The first ones are logged each, later ones ever more seldom, so that many wrong keys do not make as many log lines.
 */
function isTold(count: number): boolean {
  return count < 2 * noticedFrom || Number.isInteger(Math.log2(count));
}

/** An owner of one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const filled = [...groups, ...Array<string>(Math.max(0, 8 - groups.length - last.length)).fill('0'), ...last];
  return filled.slice(0, 4).join(':');
}
