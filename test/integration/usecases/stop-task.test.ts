import { beforeAll, expect, test } from 'vitest';
import { readCluster } from '../../../src/store/cluster/cluster.ts';
import { findTask } from '../../../src/store/tasks/tasks.ts';
import { quarantineTask } from '../../../src/usecases/changes/quarantine-task.ts';
import { startTask } from '../../../src/usecases/changes/start-task.ts';
import { stopTask } from '../../../src/usecases/changes/stop-task.ts';
import { triggerTask } from '../../../src/usecases/runs/trigger-task.ts';
import { listEvents } from '../../../src/usecases/tasks/list-events.ts';
import { systemIn } from '../../../src/usecases/use-case.ts';
import { makeTask, openStore, runsOf, type Store } from '../store/store.ts';
import { callerWith, contextOn, type Told } from './context.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
  // Changes read the watermark of the cluster.
  await readCluster(store.db);
});

const operator = callerWith('operator');
const manual = { schedule: { manual: true } };

const statusOf = async (id: string) => (await findTask(store.db, 'default', id))?.definition.status;

async function eventsOf(id: string) {
  const page = { taskId: id, type: null, before: null, limit: 10, largest: 1_000_000 };
  const found = await listEvents(contextOn(store), callerWith('reader'), page);
  return found.ok ? found.value.items : [];
}

test('a stop holds, cancels the waiting run, and is written down with its author and source', async () => {
  const told: Told = { signals: [], cancelled: [] };
  const context = contextOn(store, told);
  const { uid } = await makeTask(store.db, 'stops', manual);
  const asked = { source: null, trace: null, input: null, priority: null, scheduledFor: null, key: null };
  expect(await triggerTask(context, operator, { taskId: 'stops', ...asked })).toMatchObject({ ok: true });

  const stopped = await stopTask(context, operator, { id: 'stops', cancel: 'pending', source: 'deploy-42' });

  expect(stopped).toMatchObject({
    ok: true,
    value: { task: { definition: { status: 'stopped' } }, lastRun: { status: 'cancelled' } },
  });
  expect(await runsOf(store.db, uid)).toMatchObject([{ status: 'cancelled', reason: 'task stopped' }]);
  expect(told).toEqual({ signals: ['waiting', 'tasks'], cancelled: [['stop', 1]] });
  expect((await eventsOf('stops'))[0]).toMatchObject({
    type: 'stopped',
    actor: 'key:the-operator',
    requestId: 'request-1',
    changes: { status: { from: 'active', to: 'stopped' }, triggerSource: 'deploy-42' },
  });
});

test('a reader stops nothing, whatever door the call came through', async () => {
  await makeTask(store.db, 'stays', manual);
  const answer = await stopTask(contextOn(store), callerWith('reader'), { id: 'stays', cancel: 'all', source: null });
  expect(answer).toMatchObject({ ok: false, errors: { kind: 'forbidden' } });
  expect(await statusOf('stays')).toBe('active');
  expect(await eventsOf('stays')).toMatchObject([{ type: 'created' }]);
});

test('a caller of another namespace does not find the task', async () => {
  await makeTask(store.db, 'hidden', manual);
  const stranger = { ...operator, namespace: 'other' };
  const answer = await stopTask(contextOn(store), stranger, { id: 'hidden', cancel: 'all', source: null });
  expect(answer).toEqual({ ok: false, errors: { kind: 'not_found', detail: 'task "hidden" does not exist' } });
  expect(await statusOf('hidden')).toBe('active');
});

test('a second stop is refused, and still cancels the runs that the first one left', async () => {
  const context = contextOn(store);
  const { uid } = await makeTask(store.db, 'twice', manual);
  await stopTask(context, operator, { id: 'twice', cancel: 'none', source: null });
  const asked = { source: null, trace: null, input: null, priority: null, scheduledFor: null, key: null };
  await triggerTask(context, operator, { taskId: 'twice', ...asked });
  const again = await stopTask(context, operator, { id: 'twice', cancel: 'pending', source: null });
  expect(again).toEqual({
    ok: false,
    errors: { kind: 'illegal_transition', detail: 'the task is stopped already' },
  });
  expect(await runsOf(store.db, uid)).toMatchObject([{ status: 'cancelled' }]);
});

test('a quarantine stops the task on behalf of the system, says why, and is lifted by a start', async () => {
  const told: Told = { signals: [], cancelled: [] };
  const context = contextOn(store, told);
  await makeTask(store.db, 'harmful', manual);
  const input = { id: 'harmful', reason: 'its template ends the process' };
  expect(await quarantineTask(context, systemIn('default'), input)).toEqual({ ok: true, value: true });
  expect(await statusOf('harmful')).toBe('stopped');
  expect(told.signals).toEqual(['tasks']);
  expect((await eventsOf('harmful')).slice(0, 2)).toMatchObject([
    { type: 'quarantined', actor: 'scheduler', requestId: null, changes: { reason: input.reason } },
    { type: 'stopped', actor: 'scheduler', requestId: null },
  ]);
  // It is stopped already: there is nothing to do.
  expect(await quarantineTask(context, systemIn('default'), input)).toEqual({ ok: true, value: false });
  const started = await startTask(context, operator, { id: 'harmful', catchUp: 'skip', source: null });
  expect(started).toMatchObject({ ok: true, value: { task: { definition: { status: 'active' } } } });
});
