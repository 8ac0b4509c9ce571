import { expect, test } from 'vitest';
import type { LogEnd } from '../../../src/store/logs/read.ts';
import { createRunLogs } from '../../../src/usecases/logs/logs.ts';
import { createClock } from '../../clock.ts';
import { silent } from '../../silent-log.ts';

function setUp() {
  const clock = createClock();
  const asked: string[][] = [];
  const ends = new Map<string, LogEnd>();
  const logs = createRunLogs(
    async (runIds) => {
      asked.push([...runIds]);
      return new Map([...ends].filter(([runId]) => runIds.includes(runId)));
    },
    { limit: 1, clock, log: silent },
  );
  const set = (runId: string, bytes: number, isOver = false) =>
    ends.set(runId, { bytes, held: 0, droppedFrom: 0, droppedTo: 0, isOver });
  /** Lets the query that has begun end. */
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settle();
  };
  return { logs, asked, set, pass, settle };
}

test('nothing is asked while nobody follows, and one query serves all followers', async () => {
  const { logs, asked, set, pass, settle } = setUp();
  logs.look();
  await pass(10_000);
  expect(asked).toEqual([]);
  const news: string[] = [];
  for (const runId of ['a', 'b']) set(runId, 1);
  const ends = ['a', 'b', 'b'].map((runId, place) => logs.follow(runId, () => news.push(`${runId}${place}`)));
  await settle();
  await pass(25);
  expect(new Set(news)).toEqual(new Set(['a0', 'b1', 'b2']));
  news.length = 0;
  asked.length = 0;
  set('b', 2);
  await pass(500);
  expect(asked).toEqual([['a', 'b']]);
  expect(news).toEqual(['b1', 'b2']);
  for (const end of ends) end();
  asked.length = 0;
  await pass(10_000);
  expect(asked).toEqual([]);
});

test('an append to a log that is followed is seen at once, one to another log asks nothing', async () => {
  const { logs, asked, set, settle, pass } = setUp();
  let news = 0;
  set('a', 1);
  logs.follow('a', () => news++);
  await settle();
  await pass(25);
  [news, asked.length] = [0, 0];
  logs.look('b');
  await settle();
  expect(asked).toEqual([]);
  set('a', 2);
  logs.look('a');
  await settle();
  expect(news).toBe(1);
});

test('appends take turns: one to each log, four in all, and too many are turned away', async () => {
  const { logs, settle } = setUp();
  const granted: string[] = [];
  const ends: (() => void)[] = [];
  const take = (runId: string) =>
    logs.takeTurn(runId).then((end) => {
      granted.push(end === null ? 'none' : runId);
      if (end) ends.push(end);
    });
  for (const runId of ['a', 'a', 'b', 'c', 'd', 'e']) void take(runId);
  await settle();
  expect(granted).toEqual(['a', 'b', 'c', 'd']);
  ends.shift()?.();
  await settle();
  expect(granted.slice(4)).toEqual(['e']);
  for (let waiting = 2; waiting <= 17; waiting++) void take('b');
  await settle();
  expect(granted.slice(5)).toEqual([]);
  await take('b');
  expect(granted.slice(5)).toEqual(['none']);
  while (ends.length > 0) {
    ends.shift()?.();
    await settle();
  }
  expect(granted.filter((runId) => runId !== 'none')).toHaveLength(6 + 16);
});
