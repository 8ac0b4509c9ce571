import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { durationPattern, formatDuration, parseDuration, readDuration } from '../../../../src/domain/input/duration.ts';
import { cases } from '../../cases.ts';

const longest = 3_650 * 86_400_000;

describe('durations that are read', () => {
  test.each([
    ['500ms', 500, '500ms'],
    ['30s', 30_000, '30s'],
    ['90s', 90_000, '1m30s'],
    ['1h30m', 5_400_000, '1h30m'],
    ['7d', 604_800_000, '7d'],
    ['1d2h3m4s5ms', 93_784_005, '1d2h3m4s5ms'],
    ['30m500ms', 1_800_500, '30m500ms'],
    ['0s', 0, '0s'],
    ['000s', 0, '0s'],
    ['PT30S', 30_000, '30s'],
    ['P1DT2H', 93_600_000, '1d2h'],
    ['PT1H30M', 5_400_000, '1h30m'],
    ['P7D', 604_800_000, '7d'],
    ['3650d', longest, '3650d'],
    ['1.5h', 5_400_000, '1h30m'],
    ['2w', 1_209_600_000, '14d'],
    ['1w2d', 777_600_000, '9d'],
    ['0.1s', 100, '100ms'],
    ['1.1s', 1_100, '1s100ms'],
    ['P1W', 604_800_000, '7d'],
    ['PT1.5H', 5_400_000, '1h30m'],
    ['PT0,5S', 500, '500ms'],
  ])('%s is %i ms, written %s', (text, ms, canonical) => {
    expect(parseDuration(text)).toBe(ms);
    expect(formatDuration(ms)).toBe(canonical);
  });
});

test.each([
  '',
  ' 30s',
  '30s ',
  '30s\n',
  '30',
  's',
  '-1s',
  '+1s',
  '1s1s',
  '1m1h',
  '1ms1s',
  '1H',
  '1 h',
  '1e3s',
  'P',
  'PT',
  'P1DT',
  'P1Y',
  'P1M',
  'pt30s',
  'PT30S1ms',
  '.5h',
  '1.h',
  '1.5ms',
  '1,5h',
  '٣s',
])('"%s" is no duration', (text) => {
  expect(parseDuration(text)).toBeNull();
  expect(new RegExp(durationPattern, 'u').test(text)).toBe(false);
});

test.each(['1M', '2 M', '1h30M'])('"%s" gets no hint: M may be months', (text) => {
  const read = readDuration(text);
  expect(read.ok ? [] : read.errors).toContain('months differ in length');
  expect(read.ok ? [] : read.errors).not.toContain('write');
});

test.each(['0.0001s', '0.1234567h', 'PT0.0001S'])('"%s" is finer than a millisecond, or written too finely', (text) => {
  expect(parseDuration(text)).toBeNull();
});

test.each(['3651d', '521.5w', '3650d1ms', '87601h', '999999999999d', 'P999999999999D'])('"%s" is too long', (text) => {
  expect(parseDuration(text)).toBeNull();
});

test('what is written is read back as the same number', () => {
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: 0, max: longest }), fc.integer({ min: 0, max: 100_000 })), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms);
    }),
  );
});

test('the pattern for JSON schemas accepts what is read, and nothing else within the bound', () => {
  const pattern = new RegExp(durationPattern, 'u');
  const part = fc.constantFrom(
    '1',
    '20',
    '0',
    'w',
    'W',
    'd',
    'h',
    'm',
    's',
    'ms',
    'P',
    'T',
    'D',
    'H',
    'M',
    'S',
    '.',
    ' ',
    '-',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(part, { maxLength: 10 }).map((parts) => parts.join('')),
        fc.string(),
      ),
      (text) => {
        const ms = parseDuration(text);
        if (ms !== null) expect(pattern.test(text)).toBe(true);
        else if (!/\d{4}/.test(text)) expect(pattern.test(text)).toBe(false);
      },
    ),
    cases(1_000),
  );
});
