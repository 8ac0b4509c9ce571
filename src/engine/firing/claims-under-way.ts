/**
 * The claims of one replica that are under way: each holds slots for its batch, and brings back the occurrences that it
 * did not begin.
 */

import type { Clock } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import type { TakenRun } from '../../store/runs/claiming/dispatch.ts';
import type { Attempts } from '../attempts/attempts.ts';
import type { Lease } from '../cluster/lease.ts';
import { effectiveDueTime } from '../timetable/effective-due-time.ts';
import type { Waiting } from './backlog.ts';
import { type BatchPart, partsOf } from './batch-parts.ts';
import type { Begin, Slots } from './claiming.ts';

/** `urgent`: one more claim, for occurrences that come before all those in the usual claims. */
export type ClaimKind = 'usual' | 'urgent';

export type ClaimsUnderWay = {
  count(kind: ClaimKind): number;
  /** The occurrences of all of them. */
  occurrences(): Waiting[];
  /** The latest effective due time of a namespace in any of this kind; -Infinity where there is none. */
  lastEffectiveDueAt(kind: ClaimKind, namespace: string): number;
  /** How many occurrences of a namespace are in claims of this kind. */
  countOf(kind: ClaimKind, namespace: string): number;
  /** Carries out `work` with a slot kept for each occurrence of the batch. */
  launch(kind: ClaimKind, batch: readonly Waiting[], work: ClaimWork): void;
};

/** Claims a batch for `owner` and calls `begin` for each run that was won. */
export type ClaimWork = (owner: string, slots: Slots, begin: Begin) => Promise<void>;

export type ClaimsUnderWayOptions = {
  clock: Clock;
  log: Logger;
  attempts: Pick<Attempts, 'reserve' | 'start'>;
  lease: Pick<Lease, 'id'>;
  /** Takes back an occurrence whose claim failed. Its run may exist all the same. */
  onUnconfirmed: (waiting: Waiting) => void;
  onFailed: (occurrences: number) => void;
  /** A claim is over, and its slots are free again. */
  onOver: () => void;
};

const retryMs = 250;

const effectiveDueTimeOf = ({ entry, instant }: Waiting) => effectiveDueTime(instant, entry.priority);

export function createClaimsUnderWay(options: ClaimsUnderWayOptions): ClaimsUnderWay {
  const { clock, log, attempts, lease } = options;
  const claims = new Set<{ kind: ClaimKind; batch: readonly Waiting[]; parts: readonly BatchPart<Waiting>[] }>();
  let failures = 0;

  function tellOfFailure(error: unknown, occurrences: number): void {
    failures++;
    // An outage is logged when it begins, and then seldom.
    if (failures === 1 || failures % 100 === 0)
      log.error({ err: error, failures, occurrences }, 'a claim failed; its occurrences are tried again');
    options.onFailed(occurrences);
  }

  return {
    count: (kind) => [...claims].filter((claim) => claim.kind === kind).length,
    occurrences: () => [...claims].flatMap(({ batch }) => batch),
    countOf(kind, namespace) {
      let count = 0;
      for (const claim of claims)
        for (const part of claim.parts) if (claim.kind === kind && part.namespace === namespace) count += part.count;
      return count;
    },
    lastEffectiveDueAt(kind, namespace) {
      let last = -Infinity;
      for (const claim of claims)
        for (const part of claim.parts)
          if (claim.kind === kind && part.namespace === namespace) last = Math.max(last, effectiveDueTimeOf(part.last));
      return last;
    },
    async launch(kind, batch, work) {
      const claim = { kind, batch, parts: partsOf(batch) };
      claims.add(claim);
      const owner = lease.id();
      const slots = attempts.reserve(batch.length, claim.parts);
      const begun = new Set<Waiting>();
      const begin = (run: TakenRun, waiting: Waiting) => {
        begun.add(waiting);
        attempts.start(run, owner, { effectiveDueAt: effectiveDueTimeOf(waiting), nextAt: waiting.nextAt });
      };
      try {
        await work(owner, slots, begin);
        failures = 0;
      } catch (error) {
        tellOfFailure(error, batch.length);
        for (const waiting of batch) if (!begun.has(waiting)) options.onUnconfirmed(waiting);
        await new Promise<void>((resume) => clock.after(retryMs, resume));
      }
      claims.delete(claim);
      slots.release();
      options.onOver();
    },
  };
}
