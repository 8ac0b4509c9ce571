/** Remembers what the database said about callers, for at most a second, so that requests need not ask each time. */

import { LRUCache } from 'lru-cache';

export type Remembered<T> = {
  /** What the database says under this name; null where it has nothing. Rejects when it cannot be read. */
  get(name: string): Promise<T | null>;
  /** Forgets all answers: whoever asks from now on gets one that was read afterwards. */
  forget(): void;
};

export type RememberedOptions<T> = {
  /** Reads what stands under some names; leaves out names that have nothing. */
  read: (names: readonly string[]) => Promise<ReadonlyMap<string, T>>;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
};

/** An answer is used until this long after its read began. So a deleted key is refused within a second. */
const memoryMs = 1_000;
/** Answers that are kept, those about wrong names too; those beyond are forgotten, the least used first. */
const mostAnswers = 10_000;

type Answer<T> = { value: Promise<T | null>; until: number };
type Question<T> = {
  name: string;
  answer: Answer<T>;
  resolve: (value: T | null) => void;
  reject: (error: unknown) => void;
};

/**
 * Reads each name once a second at most, for all requests that ask for it. One read is under way at a time, and names
 * that are asked for meanwhile share the next one. So however many wrong names come, they take one connection.
 */
export function createRemembered<T>({ read, monotonic }: RememberedOptions<T>): Remembered<T> {
  const answers = new LRUCache<string, Answer<T>>({ max: mostAnswers });
  let waiting: Question<T>[] = [];
  let isReading = false;

  function ask(name: string): Answer<T> {
    const { promise, resolve, reject } = withResolvers<T | null>();
    // Its time begins with the read.
    const answer: Answer<T> = { value: promise, until: Infinity };
    waiting.push({ name, answer, resolve, reject });
    answers.set(name, answer);
    if (!isReading) void readAll();
    return answer;
  }

  async function readAll(): Promise<void> {
    isReading = true;
    // Names that are asked for in the same turn share the first read.
    await Promise.resolve();
    while (waiting.length > 0) await readNext();
    isReading = false;
  }

  async function readNext(): Promise<void> {
    const questions = waiting;
    waiting = [];
    const until = monotonic() + memoryMs;
    for (const { answer } of questions) answer.until = until;
    try {
      const found = await read(questions.map(({ name }) => name));
      for (const { name, resolve } of questions) resolve(found.get(name) ?? null);
    } catch (error) {
      // Those that came meanwhile have waited too. They must not wait for a second read that fails.
      const failed = [...questions, ...waiting];
      waiting = [];
      for (const { name, answer, reject } of failed) {
        if (answers.peek(name) === answer) answers.delete(name);
        reject(error);
      }
    }
  }

  return {
    get(name) {
      const known = answers.get(name);
      return (known !== undefined && monotonic() < known.until ? known : ask(name)).value;
    },
    forget: () => answers.clear(),
  };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
