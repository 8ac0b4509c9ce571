import { expect, test } from 'vitest';
import { createCalendar } from '../../../src/domain/schedule/calendar.ts';
import { createTaskTexts } from '../../../src/http/output/task-texts.ts';
import { taskView } from '../../../src/http/output/views.ts';
import type { ListedTask } from '../../../src/store/tasks/pages.ts';
import type { Task } from '../../../src/store/tasks/row.ts';
import { httpRegistry } from '../../http-targets.ts';
import { makeTask, openStore, t0 } from '../store/store.ts';

const context = { calendar: createCalendar(), targets: httpRegistry.targets };
const run = { id: '01939000-0000-8000-8000-000000000007', status: 'succeeded' as const };
const lastRun = { ...run, scheduledFor: t0 - 1_000, finishedAt: t0 - 900 };
const lastRow = { ...run, scheduledFor: new Date(t0 - 1_000), finishedAt: new Date(t0 - 900) };

const store = await openStore();
const listed = (task: Task, more: Partial<ListedTask> = {}): ListedTask => ({
  ...{ uid: task.uid, id: task.id, version: task.version, runsLeft: null, lastRun: null, strip: null },
  ...more,
});

test('a task in a list reads as the task itself, for every role', async () => {
  const texts = createTaskTexts(context);
  const target = { url: 'http://a.example/', headers: { authorization: 'Bearer hush', 'x-tenant': 'a' } };
  const task = await makeTask(store.db, 'listed', { target });
  for (const role of ['reader', 'admin'] as const) {
    texts.keep(task, role);
    const text = texts.textOf(listed(task, { lastRun }), role, t0);
    expect(JSON.parse(text ?? '')).toEqual(JSON.parse(JSON.stringify(taskView(task, lastRow, t0, context, role))));
    expect(text?.includes('hush')).toBe(role === 'admin');
  }
});

test('the next run is the one after the instant that is asked about, forwards and backwards', async () => {
  const texts = createTaskTexts(context);
  const task = await makeTask(store.db, 'next', { schedule: { cron: '*/10 * * * *', timezone: 'UTC' } });
  texts.keep(task, 'reader');
  const nextAt = (now: number) => JSON.parse(texts.textOf(listed(task), 'reader', now) ?? '').nextRunAt;
  const begin = Math.ceil(t0 / 600_000) * 600_000;
  for (const minute of [1, 3, 9.999, 10, 10.001, 25, 2])
    expect(nextAt(begin + minute * 60_000)).toBe(
      new Date(begin + (Math.floor(minute / 10) + 1) * 600_000).toISOString(),
    );
});

test('nothing comes where no run is left', async () => {
  const texts = createTaskTexts(context);
  const task = await makeTask(store.db, 'spent', { maxRuns: 3 });
  texts.keep(task, 'reader');
  expect(JSON.parse(texts.textOf(listed(task, { runsLeft: 0 }), 'reader', t0) ?? '').nextRunAt).toBeNull();
  expect(JSON.parse(texts.textOf(listed(task, { runsLeft: 1 }), 'reader', t0) ?? '').nextRunAt).not.toBeNull();
});

test('another version is not known', async () => {
  const texts = createTaskTexts(context);
  const task = await makeTask(store.db, 'version');
  texts.keep(task, 'reader');
  expect(texts.textOf(listed(task), 'reader', t0)).not.toBeNull();
  expect(texts.textOf(listed(task), 'admin', t0)).toBeNull();
  expect(texts.textOf(listed(task, { version: task.version + 1 }), 'reader', t0)).toBeNull();
});
