import { expect, test } from 'vitest';
import { createByteMasker, mayBeSame } from '../../../../src/domain/secrets/byte-masking.ts';

const at = async () => {};
const masked = async (values: string[], bytes: Buffer) => createByteMasker(values)?.(bytes, at);

test('a value is hidden in its encodings, and the bytes keep their number', async () => {
  const value = 'pa55/wörd!';
  for (const form of [value, JSON.stringify(value), Buffer.from(value).toString('base64'), encodeURIComponent(value)]) {
    const text = Buffer.from(`\0before ${form} after\xff`);
    const found = await masked([value], text);
    expect(found?.bytes).toHaveLength(text.length);
    expect(found?.bytes.toString()).not.toContain(form);
    expect(found?.bytes.toString()).toMatch(/^\0before .*•.* after/);
  }
});

test('the beginning of a value at the end is told and not hidden', async () => {
  const found = await masked(['0123456789'], Buffer.from('a 0123456789 b 01234'));
  expect(found?.bytes.toString()).toBe('a •••* b 01234');
  expect(found?.held).toBe(5);
  expect((await masked(['0123456789'], Buffer.from('nothing of it')))?.held).toBe(0);
});

test('there is no masker for values that are too short', () => {
  expect(createByteMasker(['short'])).toBeNull();
});

test('sent bytes may be those that are stored where only the mask differs', () => {
  expect(mayBeSame(Buffer.from('a •••* b'), Buffer.from('a 0123456789 b'))).toBe(true);
  expect(mayBeSame(Buffer.from('a •••* b'), Buffer.from('a 0123456789 c'))).toBe(false);
});
