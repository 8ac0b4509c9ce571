/**
 * This replica's lease. It is renewed in Postgres. This replica believes in it for less than its length, counted from
 * before the renewal was sent.
 *
 *     asking ──> held ── renewed in time ──> held
 *                 │
 *                 └── no answer for 70 % of the length, or Postgres says it is over ──> lost ──> asking, under a new id
 *
 * A replica that loses the lease stops claiming and aborts its attempts at once. Others take its runs over when the
 * full length has passed.
 */

import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import { giveUpLease, lastKnownTime, type Peer, type ReplicaState, renewLease } from '../../store/cluster/replicas.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { describeFailure } from '../../store/postgres/failure.ts';
import { startLoop } from '../loop.ts';
import type { DatabaseTime } from './database-time.ts';

export type Lease = {
  /** The incarnation that holds the lease; a new one after a lost lease, so that its old runs have no live owner. */
  id(): string;
  /** Whether this replica may still believe in its lease. */
  held(): boolean;
  /** Why the last renewal failed; null where it did not. */
  trouble(): string | null;
  /** For how many milliseconds it may still believe in its lease. */
  remainingMs(): number;
  /** Renews it at once, because the contents of the replica's row have changed. */
  renew(): void;
  /** Gives the lease up; the replica's runs are free for others from then on. */
  stop(): Promise<void>;
};

export type LeaseOptions = {
  db: Queryable;
  clock: Clock;
  time: DatabaseTime;
  log: Logger;
  ttlMs: number;
  /** The contents of the replica's row besides its id. */
  state: () => Omit<ReplicaState, 'id'>;
  onHeld: (id: string) => void;
  /** Called with the other live replicas after each renewal. */
  onPeers: (own: string, peers: readonly Peer[]) => void;
  /** The lease is lost: everything that runs in its name must stop now. */
  onLost: () => void;
  /** The database's clock jumped by so many milliseconds. */
  onJump: (ms: number) => void;
};

/**
 * The part of the lease for which its holder believes in it. The rest is the time to abort attempts before others take
 * over.
 */
const believed = 0.7;

export function holdLease(options: LeaseOptions): Lease {
  const { db, clock, time, log, ttlMs } = options;
  let id = randomUUID();
  let believedUntil = -Infinity;
  let held = false;
  let expiry: Timer | null = null;
  let remembered = false;
  let trouble: string | null = null;

  function expire(): void {
    expiry = null;
    const left = believedUntil - clock.monotonic();
    if (left > 0) {
      expiry = clock.after(Math.ceil(left), expire);
      return;
    }
    if (!held) return;
    held = false;
    log.warn({ replica: id }, 'the lease was not renewed in time: claiming stops and attempts are aborted');
    id = randomUUID();
    options.onLost();
  }

  const loop = startLoop({
    name: 'lease',
    clock,
    log,
    retryMs: 250,
    async step() {
      // This process has no earlier reading. The tables hold times that the database's clock has already reached.
      if (!remembered) {
        const known = await lastKnownTime(db);
        if (known !== null) time.remember(known);
        remembered = true;
      }
      const renewing = id;
      const askedAt = clock.monotonic();
      const { nowMs, peers } = await renewLease(db, { id: renewing, ...options.state() }, ttlMs).catch((error) => {
        trouble = describeFailure(error);
        throw error;
      });
      trouble = null;
      const receivedAt = clock.monotonic();
      const jump = time.observe(nowMs, askedAt, receivedAt);
      if (jump !== 0) options.onJump(jump);
      // An answer that comes after the lease was lost belongs to the previous incarnation.
      if (renewing !== id) {
        await giveUpLease(db, renewing);
        return 0;
      }
      believedUntil = askedAt + believed * ttlMs;
      if (clock.monotonic() >= believedUntil) return 0;
      options.onPeers(id, peers);
      if (!held) {
        held = true;
        options.onHeld(id);
      }
      if (!expiry) expire();
      return ttlMs / 4;
    },
  });

  return {
    id: () => id,
    trouble: () => trouble,
    held: () => held && clock.monotonic() < believedUntil,
    remainingMs: () => Math.max(0, held ? believedUntil - clock.monotonic() : 0),
    renew: loop.wake,
    async stop() {
      await loop.stop();
      expiry?.cancel();
      if (held) await giveUpLease(db, id);
      held = false;
    },
  };
}
