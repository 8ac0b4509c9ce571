import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyLog, keptParts, layoutAfter, truncatedOf } from '../../../../src/domain/run/log-layout.ts';
import { completeText } from '../../../../src/domain/run/log-text.ts';

const steps = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 30 });

test('a log keeps its first and its last half, to the byte, and tells how many it dropped', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 1_000 }), (sizes, limit) => {
      let log = emptyLog;
      for (const size of sizes) log = layoutAfter(log, log.bytes + size, limit);
      const all = sizes.reduce((sum, size) => sum + size, 0);
      const head = Math.floor(limit / 2);
      expect(log.bytes).toBe(all);
      expect(truncatedOf(log)).toBe(Math.max(0, all - limit));
      const kept = [
        [0, head],
        [all - (limit - head), all],
      ].filter(([from = 0, to = 0]) => from < to);
      expect(keptParts(log, 0, all)).toEqual(all <= limit ? [[0, all]] : kept);
    }),
  );
});

test('the first half stays where it is when the limit changes', () => {
  const long = layoutAfter(emptyLog, 100, 10);
  expect(long).toEqual({ bytes: 100, droppedFrom: 5, droppedTo: 95 });
  expect(layoutAfter(long, 101, 50)).toEqual({ bytes: 101, droppedFrom: 5, droppedTo: 95 });
  expect(layoutAfter(long, 101, 4)).toEqual({ bytes: 101, droppedFrom: 5, droppedTo: 99 });
});

test('text is cut before half a character, and before a line end that may go on', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 8 }), fc.nat(32), (text, at) => {
      const bytes = Buffer.from(text);
      const cut = completeText(bytes.subarray(0, at));
      expect(text.startsWith(cut.toString())).toBe(true);
      expect(Math.min(at, bytes.length) - cut.length).toBeLessThan(4);
    }),
  );
  expect(completeText(Buffer.from('a\r')).toString()).toBe('a');
  // Bytes that are no text are passed on.
  expect(completeText(Buffer.from([0x80, 0x80, 0x80, 0x80]))).toHaveLength(4);
});
