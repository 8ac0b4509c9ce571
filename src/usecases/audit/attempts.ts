/**
 * Refused attempts on their way to the audit. No request waits for them, and none fails because of them: they are
 * written in batches, at most ten a second are kept, and so are at most a thousand where Postgres is away. The audit
 * is told how many were left out.
 */

import type { Clock } from '../../clock.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import { type AuditEntry, noteAttempts } from '../../store/audit/audit.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import type { UseCaseContext } from '../context.ts';

export type Attempts = {
  /** Never throws. */
  note(entry: AuditEntry): void;
  /** Writes what waits, if it can be written now. */
  end(): Promise<void>;
};

const secondMs = 1_000;
const mostASecond = 10;
const mostWaiting = 1_000;
const batchSize = 100;
const pauseMs = 50;

type Context = Pick<UseCaseContext, 'now' | 'logAudit'> & {
  database: { pool: Queryable };
  clock: Pick<Clock, 'after'>;
};

export function createAttempts({ database, now, logAudit, clock }: Context): Attempts {
  const waiting: { entry: AuditEntry; at: number }[] = [];
  let thisSecond = 0;
  let leftOut = 0;
  let writing: Promise<void> | null = null;
  let underWay: Promise<void> = Promise.resolve();
  let ended = false;

  function add(entry: AuditEntry): void {
    waiting.push({ entry, at: now() });
    logAudit(entry);
    if (writing === null && !ended) writing = pause(pauseMs).then(write);
  }

  const pause = (ms: number) => new Promise<void>((resume) => clock.after(ms, resume));

  async function write(): Promise<void> {
    while (waiting.length > 0 && !ended) await writeBatch().catch(() => pause(secondMs));
    writing = null;
  }

  async function writeBatch(): Promise<void> {
    const batch = waiting.slice(0, batchSize);
    underWay = noteAttempts(database.pool, batch);
    await underWay;
    waiting.splice(0, batch.length);
  }

  function endSecond(): void {
    thisSecond = 0;
    if (leftOut === 0) return;
    if (waiting.length >= mostWaiting) {
      clock.after(secondMs, endSecond);
      return;
    }
    const data = { leftOut };
    leftOut = 0;
    add({ namespace: everyNamespace, type: 'access_refused', subject: null, author: punctual, data });
  }

  return {
    note(entry) {
      if (thisSecond === 0 && leftOut === 0) clock.after(secondMs, endSecond);
      if (thisSecond < mostASecond && waiting.length < mostWaiting) {
        thisSecond++;
        add(entry);
      } else {
        leftOut++;
      }
    },
    async end() {
      ended = true;
      await underWay.catch(() => {});
      endSecond();
      if (waiting.length > 0) await writeBatch().catch(() => {});
    },
  };
}

const punctual = { actor: 'scheduler', via: null, address: null, requestId: null };
