import { expect, test } from 'vitest';
import { createMasker } from '../../../../src/domain/secrets/masking.ts';

const value = `p/s"w+r<d='é & 100%\\n`;
const hide = (text: string, beginning?: number, values = [value]) => createMasker(values)?.(text, beginning) ?? text;

const forms: [name: string, written: string][] = [
  ['as it is', value],
  ['as JSON', JSON.stringify(value)],
  ['as JSON in JSON', JSON.stringify(JSON.stringify(value))],
  ['as JSON in JSON in JSON', JSON.stringify(JSON.stringify(JSON.stringify(value)))],
  ['as JSON in ASCII', JSON.stringify(value).replace('é', '\\u00e9')],
  ['as JSON with escaped slashes', JSON.stringify(value).replaceAll('/', '\\/')],
  ['in a URL', encodeURIComponent(value)],
  ['in a URL with small hex digits', encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase())],
  ['in a form', new URLSearchParams({ a: value }).toString()],
  [
    'in HTML',
    value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
  ],
  ['in capitals', value.toUpperCase()],
  ['in small letters', value.toLowerCase()],
  ['in hex', Buffer.from(value).toString('hex')],
  ['in base64', Buffer.from(value).toString('base64')],
  ['in base64 for URLs', Buffer.from(value).toString('base64url')],
  ['in base64 behind one byte', Buffer.from(`:${value}`).toString('base64')],
  ['in base64 between other bytes', Buffer.from(`ab${value}cd`).toString('base64')],
  ['in UTF-8 read as Latin-1', Buffer.from(value).toString('latin1')],
];

test.each(forms)('a value is hidden %s', (_, written) => {
  const hidden = hide(`before ${written} after`);
  expect(hidden).toMatch(/^before .{0,8}••••••.{0,8} after$/);
});

test('every occurrence is hidden, and nothing else', () => {
  expect(hide('one two-two two-two', undefined, ['two-two '])).toBe('one ••••••two-two');
  expect(hide('nothing here')).toBe('nothing here');
});

test('a value within another one leaves nothing of that', () => {
  expect(hide('long-secret-value', undefined, ['secret-v', 'long-secret-value'])).toBe('••••••');
});

test('a value of fewer than eight characters is not hidden', () => {
  expect(createMasker(['1234567', 'short'])).toBeNull();
});

test('the beginning of a value at the end of a text that was cut is hidden', () => {
  for (let length = 1; length < value.length; length++)
    expect(hide(`before ${value.slice(0, length)}`, 1)).toBe('before ••••••');
  expect(hide(`before ${value.slice(0, 5)}`)).toBe(`before ${value.slice(0, 5)}`);
  expect(hide(`before ${value.slice(0, 3)}`, 4)).toBe(`before ${value.slice(0, 3)}`);
  expect(hide('before:', 1)).toBe('before:');
});

test('a huge value at the end of a cut text is found in no time', () => {
  const huge = 'ab'.repeat(8_192);
  expect(hide(huge.slice(0, 16_000), 1, [huge])).toBe('••••••');
});

test('huge values that a cut text nearly ends with take no time', () => {
  const values = Array.from({ length: 8 }, (_, at) => `${'a'.repeat(16_380)}"<${at}`);
  const text = `${'a'.repeat(16_000)}c`;
  expect(hide(text, 1, values)).toBe(text);
});

test('a value longer than texts are searched for is hidden wherever it stands, also where it overlaps itself', () => {
  for (const period of [1, 2, 7, 299]) {
    // Of letters that no other encoding of it repeats.
    const long = Array.from({ length: 300 }, (_, place) => (place % period === 0 ? '~' : '^')).join('');
    const text = `x${long}y${long}${long.slice(0, 150)}z${long.slice(0, 299)}`;
    expect(hide(text, undefined, [long]), `period ${period}`).toBe(text.replaceAll(long, '••••••'));
  }
});

test('huge values that a text matches nearly everywhere take no time', { timeout: 15_000 }, () => {
  const half = 'a'.repeat(8_000);
  const text = 'a'.repeat(65_536);
  // A search that compares them at each place of the text takes a third of a second for each of these.
  for (let time = 0; time < 100; time++)
    expect(hide(text, 1, [`${half}X${time}${half}`])).toBe(`${'a'.repeat(65_536 - 8_000)}••••••`);
});
