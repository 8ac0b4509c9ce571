import { beforeAll, describe, expect, test } from 'vitest';
import { formatInstant } from '../../../src/domain/input/instant.ts';
import { readCluster } from '../../../src/store/cluster/cluster.ts';
import { findTask } from '../../../src/store/tasks/tasks.ts';
import { putTask } from '../../../src/usecases/changes/put-task.ts';
import { createTask } from '../../../src/usecases/tasks/create-task.ts';
import { createTasks } from '../../../src/usecases/tasks/create-tasks.ts';
import { openStore, runsOf, type Store } from '../store/store.ts';
import { callerWith, contextOn, type Told } from './context.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
  await readCluster(store.db);
});

const admin = callerWith('admin');
const late = () => ({ schedule: { at: formatInstant(Date.now() - 5_000) }, target: 'http://127.0.0.1:9/' });

async function runsOfTask(id: string) {
  const task = await findTask(store.db, 'default', id);
  return task ? runsOf(store.db, task.uid) : [];
}

/** No replica runs here: whatever is in the database would be found by the next one, even if all others were dead. */
describe('a single instant that has just passed is stored with its waiting run', () => {
  test('when the task is created alone, with a key or without', async () => {
    const told: Told = { signals: [], cancelled: [] };
    const context = contextOn(store, told);
    const answerOf = () => null;
    await createTask(context, admin, { input: { id: 'alone', ...late() }, key: null, answerOf });
    expect(await runsOfTask('alone')).toMatchObject([{ status: 'pending', trigger: 'schedule', attempt: 0 }]);
    expect(told.signals).toEqual(['tasks', 'waiting']);
    const key = { key: 'k-1', body: {} };
    await createTask(context, admin, { input: { id: 'keyed', ...late() }, key, answerOf });
    expect(await runsOfTask('keyed')).toMatchObject([{ status: 'pending' }]);
  });

  test('but no replica looks for waiting runs where the instant is to come', async () => {
    const told: Told = { signals: [], cancelled: [] };
    // Time passes between the reading of the input and its storing.
    let now = Date.now();
    const context = { ...contextOn(store, told), now: () => now++ };
    const soon = (id: string) => ({ id, ...late(), schedule: { at: formatInstant(Date.now() + 60_000) } });
    await createTask(context, admin, { input: soon('soon'), key: null, answerOf: () => null });
    await createTasks(context, admin, [{ ok: true, value: soon('soon-of-many') }]);
    expect(told.signals).toEqual(['tasks', 'tasks']);
  });

  test('when it is created with others, which get no run ahead of time', async () => {
    const input = (id: string, more: object) => ({ ok: true as const, value: { id, ...late(), ...more } });
    const soon = { schedule: { at: formatInstant(Date.now() + 60_000) } };
    await createTasks(contextOn(store), admin, [input('of-many', {}), input('later', soon)]);
    expect(await runsOfTask('of-many')).toMatchObject([{ status: 'pending' }]);
    expect(await runsOfTask('later')).toEqual([]);
  });

  test('when a change moves the task to it', async () => {
    const context = contextOn(store);
    const put = { id: 'moved', createOnly: false, expected: null };
    await putTask(context, admin, { ...put, input: { ...late(), schedule: { every: '1h' } } });
    expect(await runsOfTask('moved')).toEqual([]);
    await putTask(context, admin, { ...put, input: late() });
    expect(await runsOfTask('moved')).toMatchObject([{ status: 'pending' }]);
  });
});
