/** The embedded store on its own, as the build has it: its thread is a file of the build. */

import pino from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { maintain } from '../../../src/store/embedded/maintenance.ts';
import { openDatabase } from '../../../src/store/postgres/database.ts';
import { migrateNow } from '../../services/migrate.ts';
import { newFolder } from './ready.ts';

vi.setConfig({ testTimeout: 120_000 });

const built = (await import(
  new URL('../../../dist/store/embedded/embedded.js', import.meta.url).href
)) as typeof import('../../../src/store/embedded/embedded.ts');

async function openStore(timeoutMs = 10_000) {
  const opened = await built.startEmbedded({
    dataDir: await newFolder(),
    clock: systemClock,
    onDeath: (reason) => expect.unreachable(reason),
  });
  if (!opened.ok) throw new Error(opened.errors);
  const { connection, stop } = opened.value;
  await migrateNow(connection);
  const log = pino({ level: 'silent' });
  const database = openDatabase({
    connection,
    purpose: 'tests',
    maxConnections: 1,
    timeoutMs,
    log,
    clock: systemClock,
    random: Math.random,
  });
  onTestFinished(async () => {
    await database.close();
    await stop();
  });
  return database;
}

const named = (value: number) => ({ name: 'named', text: 'select $1::int as value', values: [value] });

test('a connection that is replaced does not trip over what the one before had prepared', async () => {
  const { pool } = await openStore();
  expect((await pool.query(named(1))).rows).toEqual([{ value: 1 }]);
  // The pool drops the connection of a statement that fails.
  await expect(pool.query('select 1 / 0')).rejects.toThrow('division by zero');
  expect((await pool.query(named(2))).rows).toEqual([{ value: 2 }]);
});

test('a statement that is given up after its time leaves the next ones alone', async () => {
  const { pool } = await openStore(500);
  const answers = (value: number) =>
    expect
      .poll(async () => (await pool.query(named(value)).catch(() => null))?.rows, { timeout: 60_000 })
      .toEqual([{ value }]);
  await answers(1);
  await expect(pool.query('select count(*) from generate_series(1, 12000000)')).rejects.toThrow('timeout');
  // While the store still works on it, waiting is bounded; afterwards all is well.
  await answers(2);
});

test('VACUUM goes through the one connection between the others', async () => {
  const database = await openStore();
  await database.pool.query('create table litter as select n from generate_series(1, 20000) as n');
  await database.pool.query('delete from litter');
  const others = Array.from({ length: 40 }, (_, n) => database.pool.query(named(n)));
  const [, ...answers] = await Promise.all([maintain(database), ...others]);
  expect(answers.map((answer) => answer.rows[0])).toEqual(Array.from({ length: 40 }, (_, value) => ({ value })));
  const { rows } = await database.pool.query<{ size: string }>(`select pg_relation_size('litter') as size`);
  expect(Number(rows[0]?.size)).toBe(0);
});
