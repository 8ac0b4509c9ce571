import { expect, test } from 'vitest';
import { createReconcilerStep } from '../../../../src/engine/timetable/reconciler.ts';
import { createTimetable } from '../../../../src/engine/timetable/timetable.ts';
import type { Queryable } from '../../../../src/store/postgres/database.ts';
import { fakeQuery } from '../../../fake-query.ts';
import { silent } from '../../../silent-log.ts';
import { watchedTurns } from '../../../turns-watch.ts';

const t0 = Date.parse('2031-03-04T05:06:07.000Z');
const misfire = { policy: 'skip', grace: '1m', limit: 1 };
const rows = (count: number, from: number) =>
  Array.from({ length: count }, (_, place) => {
    const schedule = { cron: `0 0 0 ${from + place}`, timezone: 'UTC' };
    return [
      from + place,
      `task-${from + place}`,
      'default',
      1,
      schedule,
      t0,
      null,
      null,
      0,
      misfire,
      5,
      false,
      true,
      false,
      '9',
    ];
  });

/** A store with tasks to load and others that changed afterwards. */
function store(loaded: number, changed: number): Queryable {
  const query = fakeQuery(async ({ name, values }) => {
    if (name === 'load-tasks') return { rows: values?.[0] === 0 ? rows(loaded, 1) : [] };
    return name === 'read-changes' ? { rows: rows(changed, 1_001) } : { rows: [{ position: '7' }] };
  });
  return { query };
}

/** A load and a look at what changed, where the next occurrence of each task takes `ms`. */
async function load(loaded: number, changed: number, ms: number) {
  const { turns, watch } = watchedTurns();
  const timetable = createTimetable();
  const next = () => {
    watch.now += ms;
    return t0 + 1_000;
  };
  const cron = { next, count: () => 0, leftOut: () => null, changesOfClock: () => [], zoned: false };
  const step = createReconcilerStep({
    ...{ db: store(loaded, changed), log: silent, timetable, turns },
    calendar: { compile: () => ({ ok: true, value: cron }), resolve: () => null },
    watermark: async () => t0,
    onChange() {},
    mayClaim: () => true,
    onExhausted() {},
    onDeleted() {},
    onTaskChanged() {},
  });
  await step();
  expect(timetable.size()).toBe(loaded + changed);
  return watch;
}

test('tasks whose next occurrence is dear are loaded and followed in turns', async () => {
  expect((await load(200, 0, 5)).longest()).toBeLessThanOrEqual(15);
  expect((await load(0, 200, 5)).longest()).toBeLessThanOrEqual(15);
});

test('ordinary ones are not held up by that', async () => {
  expect((await load(1_000, 1_000, 0)).pauses).toBeLessThanOrEqual(1);
});
