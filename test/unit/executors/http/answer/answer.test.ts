import { expect, test } from 'vitest';
import {
  answerText,
  emptyAnswer,
  isTruncated,
  keepLimit,
  readLimit,
  takeChunk,
} from '../../../../../src/executors/http/answer/answer.ts';

function answerOf(bytes: Buffer, chunkSize: number) {
  const answer = emptyAnswer();
  for (let at = 0; at < bytes.length; at += chunkSize) takeChunk(answer, bytes.subarray(at, at + chunkSize));
  return answer;
}

test.each([1, 7, 1000, keepLimit, 100_000])(
  'in chunks of %i bytes the first 16 KiB are kept, no code point halved',
  (size) => {
    // 16,384 is not a multiple of 3, so the last € does not fit.
    const answer = answerOf(Buffer.from('€'.repeat(10_000)), size);
    expect(isTruncated(answer)).toBe(true);
    expect(answerText(answer, true)).toBe('€'.repeat(Math.floor(keepLimit / 3)));
  },
);

test.each([1, 3, 100_000])('in chunks of %i bytes a short answer is kept whole', (size) => {
  const answer = answerOf(Buffer.from('\uFEFFgrüße 🕰'), size);
  expect(isTruncated(answer)).toBe(false);
  expect(answerText(answer, true)).toBe('\uFEFFgrüße 🕰');
});

test('exactly 16 KiB are not truncated', () => {
  const answer = answerOf(Buffer.alloc(keepLimit, 'x'), 5000);
  expect(isTruncated(answer)).toBe(false);
  expect(answerText(answer, true)).toHaveLength(keepLimit);
});

test('what is not UTF-8, and NUL, become the replacement character', () => {
  const answer = answerOf(Buffer.from([0x61, 0xff, 0x00, 0x62, 0xe2, 0x82]), 10);
  expect(answerText(answer, true)).toBe('a\uFFFD\uFFFDb\uFFFD');
  expect(answerText(answer, false)).toBe('a\uFFFD\uFFFDb');
});

test('reading goes on to 8 MiB and no further', () => {
  const answer = emptyAnswer();
  const chunk = Buffer.alloc(readLimit / 4);
  expect([1, 2, 3, 4].map(() => takeChunk(answer, chunk))).toEqual([true, true, true, true]);
  expect(takeChunk(answer, Buffer.alloc(1))).toBe(false);
});

test('an answer without a body is the empty text', () => {
  expect(answerText(emptyAnswer(), true)).toBe('');
});
