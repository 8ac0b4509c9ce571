import { expect, test } from 'vitest';
import { createChannel, type Hint } from '../../../src/live/channel.ts';
import { hintFor } from '../../../src/live/tally.ts';
import { createClock } from '../../clock.ts';

/** A channel with one listener. */
function openChannel() {
  const clock = createClock();
  const channel = createChannel(clock, 100, () => false);
  const heard: Hint[] = [];
  let missed = 0;
  channel.listeners.add({ hear: (hint) => void heard.push(hint), missed: () => missed++ });
  const dataOf = (hints: readonly Hint[]) => hints.map(({ data }) => JSON.parse(data));
  return { clock, channel, heard, dataOf, missed: () => missed };
}

test('the first change is told at once, and those that follow four times a second, all counted', async () => {
  const { clock, channel, heard, dataOf } = openChannel();
  channel.note('runs', 'a', 1);
  await clock.advance(0);
  expect(dataOf(heard)).toEqual([{ count: 1, tasks: ['a'] }]);
  for (let ms = 0; ms < 1_000; ms += 10) {
    channel.note('runs', `task-${ms % 50}`, 2);
    await clock.advance(10);
  }
  expect(heard.length).toBe(5);
  expect(dataOf(heard).reduce((sum, { count }) => sum + count, 0)).toBe(201);
  expect(dataOf(heard)[1].tasks.sort()).toEqual(['task-0', 'task-10', 'task-20', 'task-30', 'task-40']);
  await clock.advance(5_000);
  expect(heard.length).toBe(5);
  channel.note('runs', 'a', 1);
  await clock.advance(0);
  expect(heard.length).toBe(6);
});

test('topics do not wait for each other', async () => {
  const { clock, channel, heard } = openChannel();
  channel.note('runs', 'a', 1);
  await clock.advance(0);
  channel.note('tasks', 'a', 1);
  channel.note('cluster', null, 1);
  await clock.advance(0);
  expect(heard.map(({ topic }) => topic)).toEqual(['runs', 'tasks', 'cluster']);
});

test('a hint names at most 20 tasks, and counts the rest', async () => {
  const { clock, channel, heard, dataOf } = openChannel();
  for (let task = 0; task < 5_000; task++) channel.note('runs', `t${task}`, 1);
  await clock.advance(0);
  expect(dataOf(heard)[0].count).toBe(5_000);
  expect(dataOf(heard)[0].tasks).toEqual(Array.from({ length: 20 }, (_, task) => `t${task}`));
});

test('who follows one task hears of it alone, and where tasks were too many to be counted, of what may be it', async () => {
  const { clock, channel, heard } = openChannel();
  channel.note('runs', 'mine', 3);
  channel.note('runs', 'other', 1);
  await clock.advance(0);
  expect(hintFor('mine', (heard[0] as Hint).tally)).toBe('{"count":3,"tasks":["mine"]}');
  expect(hintFor('no', (heard[0] as Hint).tally)).toBeNull();
  for (let task = 0; task < 2_000; task++) channel.note('runs', `t${task}`, 1);
  await clock.advance(250);
  expect(hintFor('t1999', (heard[1] as Hint).tally)).toBe('{"count":1,"tasks":["t1999"]}');
});

test('the last 1,024 hints are kept, and before them nothing is', async () => {
  const { clock, channel, heard } = openChannel();
  for (let hint = 0; hint < 1_100; hint++) {
    channel.note('tasks', `t${hint}`, 1);
    await clock.advance(250);
  }
  expect(heard.length).toBe(1_100);
  expect(channel.position()).toBe(1_200);
  expect(channel.since(1_200)).toEqual([]);
  expect(channel.since(1_190)?.map(({ seq }) => seq)).toEqual(heard.slice(-10).map(({ seq }) => seq));
  expect(channel.since(1_200 - 1_024)?.length).toBe(1_024);
  expect(channel.since(1_200 - 1_025)).toBeNull();
  expect(channel.since(1_201)).toBeNull();
  expect(channel.since(99)).toBeNull();
});

test('of many hints with many tasks only the named tasks of the newest are counted apart', async () => {
  const { clock, channel } = openChannel();
  for (let hint = 0; hint < 200; hint++) {
    for (let task = 0; task < 500; task++) channel.note('runs', `t${hint}-${task}`, 1);
    await clock.advance(250);
  }
  const kept = channel.since(100) ?? [];
  expect(kept.length).toBe(200);
  expect(kept.reduce((sum, { tally }) => sum + tally.byTask.size, 0)).toBeLessThan(10_000);
  expect(kept.reduce((sum, { tally }) => sum + tally.count, 0)).toBe(100_000);
});

test('after a loss every listener is told, and nothing before it can be had', async () => {
  const { clock, channel, missed } = openChannel();
  channel.note('runs', 'a', 1);
  await clock.advance(0);
  channel.lose();
  expect(missed()).toBe(1);
  expect(channel.since(101)).toBeNull();
  expect(channel.since(channel.position())).toEqual([]);
});

test('with many listeners the pace is lower, and other work comes between them', async () => {
  const clock = createClock();
  const channel = createChannel(clock, 0, () => busy);
  let heard = 0;
  let heardBefore = 0;
  let busy = false;
  const otherWork = () => {
    heardBefore = heard;
  };
  const hear = () => void (heard++ === 0 && clock.after(0, otherWork));
  for (let listener = 0; listener < 1_000; listener++) channel.listeners.add({ hear, missed() {} });
  channel.note('runs', 'a', 1);
  await clock.advance(0);
  expect(heard).toBe(1_000);
  expect(heardBefore).toBe(200);
  channel.note('runs', 'a', 1);
  await clock.advance(999);
  expect(heard).toBe(1_000);
  busy = true;
  await clock.advance(2);
  expect(heard).toBe(2_000);
  channel.note('runs', 'a', 1);
  await clock.advance(1_900);
  expect(heard).toBe(2_000);
  await clock.advance(200);
  expect(heard).toBe(3_000);
});
