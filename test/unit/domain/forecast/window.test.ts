import { expect, test } from 'vitest';
import { type ForecastBucket, windowOf } from '../../../../src/domain/forecast/window.ts';

const minute = 60_000;
const hour = 60 * minute;
const now = Date.UTC(2026, 5, 1, 10, 7, 30);

function asked(from: number | null, to: number | null, bucket: ForecastBucket = '1m') {
  return windowOf({ from, to, bucket }, now);
}

test('a window without bounds begins with the current bucket and is a day long', () => {
  const from = Date.UTC(2026, 5, 1, 10, 7);
  expect(asked(null, null)).toEqual({
    ok: true,
    value: { from, to: from + 24 * hour, start: from, bucketMs: minute, count: 1_440 },
  });
});

test('buckets begin at multiples of their length, and those at both ends may be covered in part', () => {
  const from = now + 1;
  const window = { from, to: from + hour, start: Date.UTC(2026, 5, 1, 10), bucketMs: hour, count: 2 };
  expect(asked(from, from + hour, '1h')).toEqual({ ok: true, value: window });
});

test.each([
  ['an end that is not after the beginning', now, now, '1m', '#/to'],
  ['more than 1,500 buckets', now, now + 26 * hour, '1m', '#/to'],
  ['a beginning more than a day ago', now - 25 * hour, null, '1m', '#/from'],
  ['an end more than a day ago', null, now - 26 * hour, '1m', '#/from'],
] as const)('%s is refused', (_, from, to, bucket, pointer) => {
  expect(asked(from, to, bucket)).toMatchObject({ ok: false, errors: [{ pointer }] });
});
