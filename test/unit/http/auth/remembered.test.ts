import { describe, expect, test } from 'vitest';
import { createRemembered } from '../../../../src/http/auth/remembered.ts';
import { createClock, runDueCallbacks } from '../../../clock.ts';

/** A database whose reads are answered by hand, in the order in which they came. */
function byHand() {
  const clock = createClock();
  const stands = new Map<string, string>();
  const reads: { names: readonly string[]; answer: () => void; fail: (error: Error) => void }[] = [];
  const remembered = createRemembered<string>({
    monotonic: clock.monotonic,
    read: (names) =>
      new Promise((resolve, reject) =>
        reads.push({ names, answer: () => resolve(new Map(stands)), fail: (error) => reject(error) }),
      ),
  });
  return { clock, stands, reads, remembered };
}

/** A database that answers at once. */
function prompt() {
  const clock = createClock();
  const stands = new Map<string, string>();
  const reads: (readonly string[])[] = [];
  const remembered = createRemembered<string>({
    monotonic: clock.monotonic,
    async read(names) {
      reads.push(names);
      return new Map(stands);
    },
  });
  return { clock, stands, reads, remembered };
}

describe('what the database said is remembered', () => {
  test('for a second: a thousand questions in it take one read', async () => {
    const { clock, stands, reads, remembered } = prompt();
    stands.set('a', 'A');
    for (let i = 0; i < 1_000; i++) {
      expect(await remembered.get('a')).toBe('A');
      if (i % 10 === 0) clock.freeze(9.9);
    }
    expect(reads).toHaveLength(1);
  });

  test('for no longer, counted from the moment before the read', async () => {
    const { clock, stands, reads, remembered } = byHand();
    stands.set('a', 'A');
    const first = remembered.get('a');
    await runDueCallbacks();
    clock.freeze(600);
    reads[0]?.answer();
    expect(await first).toBe('A');
    clock.freeze(399);
    expect(await remembered.get('a')).toBe('A');
    expect(reads).toHaveLength(1);
    clock.freeze(1);
    stands.delete('a');
    const later = remembered.get('a');
    await runDueCallbacks();
    reads[1]?.answer();
    expect(await later).toBe(null);
  });

  test('also where it has nothing', async () => {
    const { reads, remembered } = prompt();
    expect(await remembered.get('wrong')).toBe(null);
    expect(await remembered.get('wrong')).toBe(null);
    expect(reads).toHaveLength(1);
  });

  test('until it is forgotten, even where it is read just then', async () => {
    const { stands, reads, remembered } = byHand();
    stands.set('a', 'old');
    const before = remembered.get('a');
    await runDueCallbacks();
    reads[0]?.answer();
    remembered.forget();
    expect(await before).toBe('old');
    stands.set('a', 'new');
    const after = remembered.get('a');
    await runDueCallbacks();
    reads[1]?.answer();
    expect(await after).toBe('new');
  });

  test('for ten thousand names at most', async () => {
    const { reads, remembered } = prompt();
    for (let i = 0; i <= 10_000; i++) await remembered.get(`n${i}`);
    await remembered.get('n10000');
    expect(reads).toHaveLength(10_001);
    await remembered.get('n0');
    expect(reads).toHaveLength(10_002);
  });
});

describe('one read at a time', () => {
  test('serves all that ask for the same name', async () => {
    const { stands, reads, remembered } = byHand();
    stands.set('a', 'A');
    const asked = Array.from({ length: 100 }, () => remembered.get('a'));
    await runDueCallbacks();
    asked.push(remembered.get('a'));
    reads[0]?.answer();
    expect(await Promise.all(asked)).toEqual(Array(101).fill('A'));
    expect(reads).toHaveLength(1);
  });

  test('is under way, however many names are asked for: those that come meanwhile share the next', async () => {
    const { reads, remembered } = byHand();
    const all = [remembered.get('a'), remembered.get('b')];
    await runDueCallbacks();
    for (let i = 0; i < 500; i++) all.push(remembered.get(`wrong ${i}`));
    await runDueCallbacks();
    expect(reads.map(({ names }) => names.length)).toEqual([2]);
    reads[0]?.answer();
    await runDueCallbacks();
    expect(reads.map(({ names }) => names.length)).toEqual([2, 500]);
    reads[1]?.answer();
    expect(await Promise.all(all)).toEqual(Array(502).fill(null));
  });

  test('is not shared by those who come when it is more than a second old', async () => {
    const { clock, stands, reads, remembered } = byHand();
    stands.set('a', 'A');
    const slow = remembered.get('a');
    await runDueCallbacks();
    clock.freeze(1_000);
    const late = remembered.get('a');
    reads[0]?.answer();
    expect(await slow).toBe('A');
    stands.delete('a');
    await runDueCallbacks();
    reads[1]?.answer();
    expect(await late).toBe(null);
  });

  test('that fails is told to all who wait, once, and the next question is asked anew', async () => {
    const { stands, reads, remembered } = byHand();
    stands.set('a', 'A');
    const failing = remembered.get('a');
    await runDueCallbacks();
    const waiting = remembered.get('b');
    reads[0]?.fail(new Error('the database is away'));
    await expect(failing).rejects.toThrow('away');
    await expect(waiting).rejects.toThrow('away');
    expect(reads).toHaveLength(1);
    const again = remembered.get('a');
    await runDueCallbacks();
    reads[1]?.answer();
    expect(await again).toBe('A');
  });
});
