import pg from 'pg';
import { expect, test } from 'vitest';
import type { Database } from '../../../../src/store/postgres/database.ts';
import { isUnavailable } from '../../../../src/store/postgres/failure.ts';
import { oneAtATime } from '../../../../src/store/postgres/one-at-a-time.ts';
import type { Pool } from '../../../../src/store/postgres/pool.ts';
import { createClock, runDueCallbacks } from '../../../clock.ts';
import { fakeQuery } from '../../../fake-query.ts';

/** A pool that shows what is asked of it and answers when told to. */
function database() {
  const asked: string[] = [];
  const answers: ((error?: Error) => void)[] = [];
  const query = fakeQuery(
    ({ text }) =>
      new Promise((resolve, reject) => {
        asked.push(text);
        answers.push((error) => (error ? reject(error) : resolve({ rows: [] })));
      }),
  );
  const pool: Pool = {
    query,
    connect: async (released) => Object.assign(new pg.Client(), { release: () => released?.() }),
    counts: () => ({ total: 1, idle: 0 }),
    end: async () => {},
  };
  return { asked, answers, own: { pool } as Database };
}

test('lets one statement of its callers into the pool, and those who share the pool past them', async () => {
  const { asked, answers, own } = database();
  const api = oneAtATime(own, 1_500, createClock());
  for (const text of ['a', 'b', 'c']) void api.pool.query(text);
  await runDueCallbacks();
  expect(asked).toEqual(['a']);
  void own.pool.query('claim');
  expect(asked).toEqual(['a', 'claim']);
  answers[0]?.();
  await runDueCallbacks();
  expect(asked).toEqual(['a', 'claim', 'b']);
});

test('a transaction keeps its turn until its connection is given back, and a failure gives it back', async () => {
  const { asked, answers, own } = database();
  const api = oneAtATime(own, 1_500, createClock());
  const client = await api.pool.connect();
  const failing = api.pool.query('a');
  void api.pool.query('b');
  await runDueCallbacks();
  expect(asked).toEqual([]);
  client.release();
  await runDueCallbacks();
  expect(asked).toEqual(['a']);
  answers[0]?.(new Error('no'));
  await expect(failing).rejects.toThrow('no');
  await runDueCallbacks();
  expect(asked).toEqual(['a', 'b']);
});

test('a turn that does not come in time is a store that cannot answer now', async () => {
  const { asked, answers, own } = database();
  const clock = createClock();
  const api = oneAtATime(own, 1_500, clock);
  void api.pool.query('slow');
  const late = api.pool.query('late').catch((error: Error) => error);
  await clock.advance(1_500);
  expect(isUnavailable(await late)).toBe(true);
  void api.pool.query('next');
  answers[0]?.();
  await runDueCallbacks();
  expect(asked).toEqual(['slow', 'next']);
});
