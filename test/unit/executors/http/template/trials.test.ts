import { expect, test } from 'vitest';
import { createTrials, type TrialsOptions } from '../../../../../src/executors/http/template/trials.ts';

/** Trials of tasks that so many processes died of, and what was done in its order. */
function create(died: Record<string, number>, more: Partial<TrialsOptions> = {}) {
  const log: string[] = [];
  const timers: (() => void)[] = [];
  const { run } = createTrials({
    clock: {
      after(ms, run) {
        log.push(`wait ${ms}`);
        timers.push(run);
        return { cancel() {} };
      },
    },
    async begin(taskIds, atMost) {
      log.push(`begin ${taskIds.filter((id) => (died[id] ?? 0) <= atMost)}`);
      return new Map(taskIds.map((id) => [id, died[id] ?? 0]));
    },
    end: async (taskIds) => void log.push(`end ${taskIds}`),
    quarantine: async (taskId) => void log.push(`quarantine ${taskId}`),
    onError: (error) => log.push((error as Error).message),
    ...more,
  });
  const start = (...taskIds: string[]) => {
    for (const id of taskIds)
      run(
        id,
        () => void log.push(`fill ${id}`),
        () => void log.push(`refuse ${id}`),
      );
  };
  const wake = () => timers.shift()?.();
  return { log, start, wake };
}

test('what comes at the same time is noted together, and filled in between its beginning and its end', async () => {
  const { log, start } = create({});
  start('a', 'b', 'b', 'c');
  await expect.poll(() => log.at(-1)).toBe('end b,c');
  expect(log).toEqual(['begin a', 'fill a', 'end a', 'begin b,c', 'fill b', 'fill b', 'fill c', 'end b,c']);
});

test('what a process died of is tried alone, after the others; what two died of is not tried', async () => {
  const { log, start } = create({ once: 1, twice: 2, often: 7 });
  start('first', 'once', 'twice', 'fine', 'often');
  await expect.poll(() => log.at(-1)).toBe('refuse often');
  expect(log.slice(3)).toEqual([
    ...['begin fine', 'fill fine', 'end fine'],
    ...['begin once', 'fill once', 'end once'],
    ...['begin ', 'quarantine twice', 'begin ', 'refuse twice', 'quarantine often', 'refuse often'],
  ]);
});

test('others do not wait until a task is stopped', async () => {
  let stopped = () => {};
  const { log, start } = create({ twice: 2 }, { quarantine: () => new Promise((resolve) => (stopped = resolve)) });
  start('twice', 'fine');
  await expect.poll(() => log.at(-1)).toBe('end fine');
  expect(log).not.toContain('refuse twice');
  stopped();
  await expect.poll(() => log.at(-1)).toBe('refuse twice');
});

test('an end that cannot be noted is noted later, each time after a longer wait', async () => {
  let failures = 3;
  const ended: string[][] = [];
  const end = async (taskIds: readonly string[]) => {
    if (failures-- > 0) throw new Error('away');
    ended.push([...taskIds]);
  };
  const { log, start, wake } = create({}, { end });
  start('a');
  await expect.poll(() => log.at(-1)).toBe('wait 1000');
  start('b');
  await expect.poll(() => log.filter((line) => line === 'away')).toHaveLength(2);
  wake();
  await expect.poll(() => log.at(-1)).toBe('wait 2000');
  wake();
  await expect.poll(() => ended).toEqual([['a', 'b']]);
  start('c');
  await expect.poll(() => ended).toEqual([['a', 'b'], ['c']]);
});

test('while nothing can be noted, templates are filled in all the same', async () => {
  const away = async () => {
    throw new Error('away');
  };
  const { log, start } = create({}, { begin: away, end: away });
  start('a', 'b');
  await expect.poll(() => log).toEqual(['away', 'fill a', 'away', 'wait 1000', 'away', 'fill b', 'away']);
});
