import { expect, test } from 'vitest';
import { createLogger } from '../../../src/observability/log.ts';
import { createKeyUses } from '../../../src/usecases/grants/key-uses.ts';
import { createClock } from '../../clock.ts';
import { fakeQuery } from '../../fake-query.ts';

/** A database that takes note of what is written, or fails. */
function uses() {
  const clock = createClock(0);
  const written: [id: string, at: number][][] = [];
  const warnings: string[] = [];
  let fails = false;
  const query = fakeQuery(async ({ values = [] }) => {
    if (fails) throw new Error('the database is away');
    const [ids, instants] = values as [string[], string[]];
    written.push(ids.map((id, place) => [id, Date.parse(instants[place] as string)]));
    return { rows: [] };
  });
  const log = createLogger({
    ...{ level: 'warn', format: 'json', version: '0' },
    destination: { write: (line) => void warnings.push(line) },
  });
  return {
    ...{ clock, written, warnings, keyUses: createKeyUses({ db: { query }, now: clock.now, clock, log }) },
    fail(now: boolean) {
      fails = now;
    },
  };
}

test('the uses of all keys are written together, a second later', async () => {
  const { clock, written, keyUses } = uses();
  keyUses.used('a');
  await clock.advance(500);
  keyUses.used('b');
  keyUses.used('a');
  expect(written).toEqual([]);
  await clock.advance(500);
  expect(written).toEqual([
    [
      ['a', 500],
      ['b', 500],
    ],
  ]);
});

test('a key that is always used is written once a minute, and its last use is not lost', async () => {
  const { clock, written, keyUses } = uses();
  for (let second = 0; second < 150; second++) {
    keyUses.used('a');
    await clock.advance(1_000);
  }
  expect(written).toHaveLength(3);
  await clock.advance(120_000);
  expect(written.at(-1)).toEqual([['a', 149_000]]);
  expect(written).toHaveLength(4);
  expect(clock.pending()).toBe(0);
});

test('a database that is away costs the note of one use and nothing else', async () => {
  const { clock, written, warnings, keyUses, fail } = uses();
  fail(true);
  keyUses.used('a');
  await clock.advance(1_000);
  expect(warnings).toHaveLength(1);
  fail(false);
  keyUses.used('a');
  await clock.advance(60_000);
  expect(written).toEqual([[['a', 1_000]]]);
});

test('what is not written yet is written at the end', async () => {
  const { clock, written, keyUses, fail } = uses();
  keyUses.used('a');
  await keyUses.close();
  expect(written).toEqual([[['a', 0]]]);
  keyUses.used('b');
  fail(true);
  await keyUses.close();
  await clock.advance(10_000);
  expect(written).toHaveLength(1);
});
