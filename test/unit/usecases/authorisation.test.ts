import { describe, expect, test } from 'vitest';
import { roleAllows, roles } from '../../../src/domain/access/role.ts';
import { deleteTask } from '../../../src/usecases/changes/delete-task.ts';
import { patchTask } from '../../../src/usecases/changes/patch-task.ts';
import { putTask } from '../../../src/usecases/changes/put-task.ts';
import { quarantineTask } from '../../../src/usecases/changes/quarantine-task.ts';
import { startTask } from '../../../src/usecases/changes/start-task.ts';
import { stopTask } from '../../../src/usecases/changes/stop-task.ts';
import type { UseCaseContext } from '../../../src/usecases/context.ts';
import { createBinding } from '../../../src/usecases/grants/create-binding.ts';
import { createKey } from '../../../src/usecases/grants/create-key.ts';
import { deleteBinding } from '../../../src/usecases/grants/delete-binding.ts';
import { deleteKey } from '../../../src/usecases/grants/delete-key.ts';
import type { Outcome } from '../../../src/usecases/refusal.ts';
import { backfillTask } from '../../../src/usecases/runs/backfill-task.ts';
import { cancelRun } from '../../../src/usecases/runs/cancel-run.ts';
import { completeRun } from '../../../src/usecases/runs/complete-run.ts';
import { retryRun } from '../../../src/usecases/runs/retry-run.ts';
import { takeHeartbeat } from '../../../src/usecases/runs/take-heartbeat.ts';
import { triggerTask } from '../../../src/usecases/runs/trigger-task.ts';
import { deleteSecret } from '../../../src/usecases/secrets/delete-secret.ts';
import { listSecrets } from '../../../src/usecases/secrets/list-secrets.ts';
import { putSecret } from '../../../src/usecases/secrets/put-secret.ts';
import { rewrapSecrets } from '../../../src/usecases/secrets/rewrap-secrets.ts';
import { createTask } from '../../../src/usecases/tasks/create-task.ts';
import { createTasks } from '../../../src/usecases/tasks/create-tasks.ts';
import type { Caller } from '../../../src/usecases/use-case.ts';

/** A context that fails the test as soon as a use case does anything with it. */
const untouched: UseCaseContext = {
  get database() {
    return touched();
  },
  get namespaces() {
    return touched();
  },
  get calendar() {
    return touched();
  },
  get targets() {
    return touched();
  },
  get turns() {
    return touched();
  },
  get holdingTurns() {
    return touched();
  },
  metrics: { cancelled: touched, skipped: touched },
  faultInAddressRule: touched,
  startTest: touched,
  insertTask: touched,
  now: touched,
  signal: touched,
  olderZones: touched,
  attemptOf: () => null,
  runIds: touched,
  forecasts: { tasksOf: touched, inPlace: touched },
  secretValues: touched,
  secretKeys: { off: touched, ring: touched },
  logAudit: touched,
  keysOfSettings: touched,
  forgetCallers: touched,
  logs: { limit: 0, takeTurn: touched, follow: touched, look: touched },
  runEnded: touched,
  noteRuns: touched,
  live: { listen: touched },
  random01: touched,
  random: touched,
  pause: touched,
};

function touched(): never {
  throw new Error('the use case went on');
}

const input = { schedule: '@hourly', target: 'http://127.0.0.1:9/' };
const id = 'nightly';
const runId = '01890a5d-ac96-7000-8000-000000000000';

type Call = (caller: Caller) => Promise<Outcome<unknown>>;

/** Every use case that changes something for a role. */
const changes: { name: string; needs: string; call: Call }[] = [
  {
    name: 'createTask',
    needs: createTask.needs,
    call: (caller) => createTask(untouched, caller, { input, key: null, answerOf: touched }),
  },
  { name: 'createTasks', needs: createTasks.needs, call: (caller) => createTasks(untouched, caller, []) },
  {
    name: 'putTask',
    needs: putTask.needs,
    call: (caller) => putTask(untouched, caller, { id, input, createOnly: false, expected: null }),
  },
  {
    name: 'patchTask',
    needs: patchTask.needs,
    call: (caller) => patchTask(untouched, caller, { id, patch: {}, expected: null, faultsIn: touched }),
  },
  {
    name: 'deleteTask',
    needs: deleteTask.needs,
    call: (caller) => deleteTask(untouched, caller, { id, expected: null }),
  },
  {
    name: 'putSecret',
    needs: putSecret.needs,
    call: (caller) => putSecret(untouched, caller, { name: 'TOKEN', value: 'x', description: null }),
  },
  {
    name: 'listSecrets',
    needs: listSecrets.needs,
    call: (caller) => listSecrets(untouched, caller, { after: null, limit: 1 }),
  },
  {
    name: 'deleteSecret',
    needs: deleteSecret.needs,
    call: (caller) => deleteSecret(untouched, caller, { name: 'TOKEN', force: false }),
  },
  {
    name: 'rewrapSecrets',
    needs: rewrapSecrets.needs,
    call: (caller) => rewrapSecrets(untouched, caller, null),
  },
  {
    name: 'startTask',
    needs: startTask.needs,
    call: (caller) => startTask(untouched, caller, { id, catchUp: 'skip', source: null }),
  },
  {
    name: 'stopTask',
    needs: stopTask.needs,
    call: (caller) => stopTask(untouched, caller, { id, cancel: 'pending', source: null }),
  },
  {
    name: 'quarantineTask',
    needs: quarantineTask.needs,
    call: (caller) => quarantineTask(untouched, caller, { id, reason: 'it does harm' }),
  },
  {
    name: 'triggerTask',
    needs: triggerTask.needs,
    call: (caller) =>
      triggerTask(untouched, caller, {
        ...{ taskId: id, source: null, trace: null, input: null, priority: null },
        ...{ scheduledFor: null, key: null },
      }),
  },
  {
    name: 'backfillTask',
    needs: backfillTask.needs,
    call: (caller) => backfillTask(untouched, caller, { taskId: id, from: 0, to: 1, limit: 1 }),
  },
  { name: 'cancelRun', needs: cancelRun.needs, call: (caller) => cancelRun(untouched, caller, runId) },
  {
    name: 'retryRun',
    needs: retryRun.needs,
    call: (caller) => retryRun(untouched, caller, { id: runId, trace: null }),
  },
  {
    name: 'createKey',
    needs: createKey.needs,
    call: (caller) => createKey(untouched, caller, { name: 'ci', role: 'reader', namespace: 'default' }),
  },
  { name: 'deleteKey', needs: deleteKey.needs, call: (caller) => deleteKey(untouched, caller, runId) },
  {
    name: 'createBinding',
    needs: createBinding.needs,
    call: (caller) => createBinding(untouched, caller, { subject: 'user:a', role: 'reader', namespace: 'default' }),
  },
  { name: 'deleteBinding', needs: deleteBinding.needs, call: (caller) => deleteBinding(untouched, caller, runId) },
];

describe('a use case', () => {
  test.each(changes)('$name refuses callers whose role is below $needs, before it does anything', async (change) => {
    const tooLow = roles.filter((role) => !roleAllows(role, change.needs as Caller['role']));
    expect(tooLow).toContain('reader');
    for (const role of tooLow) {
      const grants = [{ role, namespace: 'default' }];
      const caller: Caller = {
        ...{ name: 'key:board', via: 'key', grants, role, namespace: 'default', address: null, requestId: null },
      };
      const detail = `this needs the role ${change.needs}; "key:board" is ${role}`;
      expect(await change.call(caller)).toEqual({ ok: false, errors: { kind: 'forbidden', detail } });
    }
  });

  test.each([
    ['completeRun', () => completeRun(untouched, { runId, token: 'of another run', namespace: null }, {})],
    ['takeHeartbeat', () => takeHeartbeat(untouched, { runId, token: 'of another run', namespace: null }, {})],
  ])('%s refuses who has no token of the run, before it does anything', async (_, call) => {
    const detail = 'the token is not of this run';
    expect(await call()).toEqual({ ok: false, errors: { kind: 'forbidden', detail } });
  });
});
