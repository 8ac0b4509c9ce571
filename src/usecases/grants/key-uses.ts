/** Notes when keys were used last, beside the requests: none of them waits for it, and none fails with it. */

import type { Clock } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import { noteKeyUses } from '../../store/access/keys.ts';
import type { Queryable } from '../../store/postgres/database.ts';

export type KeyUses = {
  /** A key of the database was used now. */
  used(id: string): void;
  /** Writes what has not been written. Never rejects. */
  close(): Promise<void>;
};

export type KeyUsesOptions = {
  db: Queryable;
  /** Epoch milliseconds by the database's clock. */
  now: () => number;
  clock: Clock;
  log: Pick<Logger, 'warn'>;
};

/** How long uses are gathered before they are looked at. */
const gatherMs = 1_000;
/** A key is written again after this long at the earliest. */
const pauseMs = 60_000;

/** When a key was used last, by the database's clock, and written last, by the monotonic one; null for never. */
type Use = { usedAt: number; isWritten: boolean; writtenAt: number | null };

export function createKeyUses({ db, now, clock, log }: KeyUsesOptions): KeyUses {
  const uses = new Map<string, Use>();
  let isWaiting = false;
  let isClosed = false;

  function gather(): void {
    if (isWaiting || isClosed) return;
    isWaiting = true;
    clock.after(gatherMs, () => {
      isWaiting = false;
      void write((use) => use.writtenAt === null || clock.monotonic() - use.writtenAt >= pauseMs);
    });
  }

  async function write(isDue: (use: Use) => boolean): Promise<void> {
    const due = [...uses].filter(([, use]) => !use.isWritten && isDue(use));
    for (const [, use] of due) {
      use.isWritten = true;
      use.writtenAt = clock.monotonic();
    }
    // Whoever has been silent for a whole pause needs no more to be remembered.
    for (const [id, use] of uses)
      if (use.isWritten && clock.monotonic() - (use.writtenAt ?? 0) >= pauseMs) uses.delete(id);
    if ([...uses.values()].some((use) => !use.isWritten)) gather();
    if (due.length === 0) return;
    try {
      await noteKeyUses(db, new Map(due.map(([id, { usedAt }]) => [id, usedAt])));
    } catch (error) {
      log.warn({ err: error, keys: due.length }, 'it could not be noted when keys were used last');
    }
  }

  return {
    used(id) {
      const use = uses.get(id) ?? { usedAt: 0, isWritten: false, writtenAt: null };
      use.usedAt = now();
      use.isWritten = false;
      uses.set(id, use);
      gather();
    },
    async close() {
      isClosed = true;
      await write(() => true);
    },
  };
}
