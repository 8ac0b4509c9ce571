import { expect, test } from 'vitest';
import { plainArray } from '../../src/store/plain-array.ts';
import { openStore } from './store.ts';

test('is read by Postgres as the list that it was made of', async () => {
  const { db } = await openStore();
  const read = async (type: string, items: (string | number | boolean | null)[]) => {
    const { rows } = await db.query(`select to_json($1::${type}[]) as list`, [plainArray(items, (item) => item)]);
    return rows[0].list;
  };
  expect(await read('integer', [])).toEqual([]);
  expect(await read('integer', [3, null, -7])).toEqual([3, null, -7]);
  expect(await read('boolean', [true, null, false])).toEqual([true, null, false]);
  expect(await read('uuid', ['0193933d-3c5e-7abc-8def-0123456789ab', null])).toEqual([
    '0193933d-3c5e-7abc-8def-0123456789ab',
    null,
  ]);
  expect(await read('timestamptz', ['2026-12-01T09:00:00.000Z'])).toEqual([expect.stringContaining('2026-12-01T')]);
});
