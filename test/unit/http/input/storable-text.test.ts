import { expect, test } from 'vitest';
import { faultsInText } from '../../../../src/http/input/storable-text.ts';

const pointersIn = (body: unknown) => faultsInText({ body }).map(({ pointer }) => pointer);

test('every text and every name that cannot be stored is told with its pointer', () => {
  expect(pointersIn({ a: ['x', { 'b/c': 'y\0' }], 'd\ud800': { e: '\udfff' }, f: [1, null, true] })).toEqual([
    '#/a/1/b~1c',
    '#/d%EF%BF%BD',
    '#/d%EF%BF%BD/e',
  ]);
  expect(pointersIn('\0')).toEqual(['#']);
  expect(pointersIn(undefined)).toEqual([]);
});

test('the first twenty are told', () => {
  expect(pointersIn({ a: Array(30).fill('\0'), 'b\0': 1 })).toHaveLength(20);
  expect(pointersIn(Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`${at}\0`, '\0'])))).toHaveLength(20);
});

test('what lies deep is looked at once', () => {
  let reads = 0;
  let body: object = {
    get text() {
      reads++;
      return '\0';
    },
  };
  for (let level = 0; level < 50; level++) body = { a: body };
  expect(pointersIn(body)).toEqual([`#${'/a'.repeat(50)}/text`]);
  expect(reads).toBe(1);
});
