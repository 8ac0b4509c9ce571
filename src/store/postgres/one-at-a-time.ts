/** Gives some callers of a pool one turn at a time, so that they do not fill the queue before its other users. */

import type pg from 'pg';
import type { Clock } from '../../clock.ts';
import { type Database, ormOn } from './database.ts';
import type { Pool } from './pool.ts';

/**
 * The same database for callers that take turns: one statement or transaction of theirs is in the pool at a time. The
 * other users of the pool wait for one of them at most. A caller that gets no turn within `waitMs` is rejected with a
 * timeout.
 */
export function oneAtATime(database: Database, waitMs: number, clock: Clock): Database {
  const { pool } = database;
  const takeTurn = createTurns(waitMs, clock);

  async function query(...statement: Parameters<Pool['query']>): Promise<unknown> {
    const endTurn = await takeTurn();
    try {
      return await pool.query(...statement);
    } finally {
      endTurn();
    }
  }

  async function connect(): Promise<pg.PoolClient> {
    const endTurn = await takeTurn();
    try {
      return await pool.connect(endTurn);
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  const own: Pool = { ...pool, query: query as Pool['query'], connect };
  // The pool is closed by its other users.
  return { ...database, pool: own, orm: ormOn(own), close: async () => {} };
}

/** One turn at a time, in the order of asking. The returned function ends the turn; calling it again does nothing. */
function createTurns(waitMs: number, clock: Clock): () => Promise<() => void> {
  let isTaken = false;
  const waiting = new Set<() => void>();

  function grant(): () => void {
    isTaken = true;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      isTaken = false;
      const [next] = waiting;
      next?.();
    };
  }

  return () => {
    if (!isTaken) return Promise.resolve(grant());
    return new Promise((resolve, reject) => {
      const begin = () => {
        waiting.delete(begin);
        limit.cancel();
        resolve(grant());
      };
      const limit = clock.after(waitMs, () => {
        if (waiting.delete(begin)) reject(new Error('timeout: others keep the store busy'));
      });
      waiting.add(begin);
    });
  };
}
