import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatInstant, latestInstant, parseInstant } from '../../../../src/domain/input/instant.ts';

describe('instants that are read', () => {
  test.each([
    ['2026-12-01T09:00:00Z', '2026-12-01T09:00:00.000Z'],
    ['2026-12-01t09:00:00z', '2026-12-01T09:00:00.000Z'],
    ['2026-12-01T09:00:00.5Z', '2026-12-01T09:00:00.500Z'],
    ['2026-12-01T09:00:00.1239Z', '2026-12-01T09:00:00.123Z'],
    ['2026-12-01T09:00:00+05:45', '2026-12-01T03:15:00.000Z'],
    ['2026-12-01T23:59:59-23:59', '2026-12-02T23:58:59.000Z'],
    ['2026-12-01T09:00:00-00:00', '2026-12-01T09:00:00.000Z'],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is %s', (text, canonical) => {
    expect(formatInstant(parseInstant(text) as number)).toBe(canonical);
  });
});

test.each([
  '',
  '2026-12-01',
  '2026-12-01T09:00Z',
  '2026-12-01T09:00:00',
  '2026-12-01 09:00:00Z',
  '2026-12-01T09:00:00.Z',
  '2026-12-01T09:00:00,5Z',
  '2026-12-01T09:00:00+0100',
  '2026-12-01T09:00:00+24:00',
  '2026-12-01T09:00:00+01:60',
  '2026-02-30T00:00:00Z',
  '2026-02-29T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2016-12-31T23:59:60Z',
  '0070-01-01T00:00:00Z',
  '1969-12-31T23:59:59Z',
  '1970-01-01T00:00:00+00:01',
  '9999-12-31T23:59:59-00:01',
  '+002026-01-01T00:00:00Z',
  ' 2026-12-01T09:00:00Z',
  '2026-12-01T09:00:00Z\n',
  `2026-12-01T09:00:00.${'1'.repeat(100_000)}Z`,
])('"%s" is no instant', (text) => {
  expect(parseInstant(text)).toBeNull();
});

test('what is written is read back as the same number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: latestInstant }), (ms) => {
      expect(parseInstant(formatInstant(ms))).toBe(ms);
    }),
  );
});

test('whatever is read is an instant that can be written', () => {
  const digits = (length: number) =>
    fc.array(fc.constantFrom(...'0123456789'), { minLength: length, maxLength: length }).map((list) => list.join(''));
  const two = digits(2);
  const text = fc
    .tuple(digits(4), two, two, two, two, two, fc.constantFrom('Z', '+14:00', '-12:00', '+99:99'))
    .map(([y, mo, d, h, mi, s, zone]) => `${y}-${mo}-${d}T${h}:${mi}:${s}${zone}`);
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), (input) => {
      const ms = parseInstant(input);
      if (ms !== null) expect(formatInstant(ms)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }),
    { numRuns: 2_000 },
  );
});
