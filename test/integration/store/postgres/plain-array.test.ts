import { expect, test } from 'vitest';
import { plainArray, textArray } from '../../../../src/store/postgres/plain-array.ts';
import { openStore } from '../store.ts';

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

test('texts of any kind are read by Postgres as they were', async () => {
  const { db } = await openStore();
  const texts = [
    '',
    'NULL',
    null,
    'null',
    'a,b',
    '{}',
    '{"a": "b\\n"}',
    '"',
    '\\',
    '\\"',
    ' ',
    '\n',
    "it's",
    '€ 😀',
    '$&',
  ];
  const { rows } = await db.query('select to_json($1::text[]) as list', [textArray(texts, (text) => text)]);
  expect(rows[0].list).toEqual(texts);
  const documents = [{ quoted: '"\\"', none: null }];
  const read = await db.query('select to_json($1::jsonb[]) as list', [
    textArray(documents, (each) => JSON.stringify(each)),
  ]);
  expect(read.rows[0].list).toEqual(documents);
});
