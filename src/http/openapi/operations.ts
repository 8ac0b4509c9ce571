/** The parts of the contract beyond schemas, for each call: its name, meaning, errors, headers and an example. */

import { bulkOperations } from './bulk-operations.ts';
import { forecastOperations } from './forecast-operations.ts';
import { liveOperations } from './live-operations.ts';
import { logOperations } from './log-operations.ts';
import type { Operation } from './operation.ts';
import { secretOperations } from './secret-operations.ts';
import { statsOperations } from './stats-operations.ts';
import { testOperations } from './test-operations.ts';

const theTask = { description: 'The task.', headers: ['ETag'] } as const;
const theNamespace = { description: 'The namespace.' } as const;
const theRun = { description: 'The run.' } as const;
const newRun = { description: 'The run.', headers: ['Location'] } as const;
const created = { description: 'The new task.', headers: ['ETag', 'Location'] } as const;
const page = { description: 'A page of the list.', headers: ['Link'] } as const;
const exampleTask = {
  name: 'Nightly report',
  labels: { team: 'billing' },
  schedule: { cron: '0 2 * * *', timezone: 'Europe/Berlin' },
  target: { url: 'https://billing.example.com/report', body: { full: true } },
  retry: { maxAttempts: 5 },
};
const health = { description: 'All is well.' };

/** By method and path, as the routes write them. */
export const operations: Readonly<Record<string, Operation>> = {
  ...{ ...secretOperations, ...liveOperations, ...logOperations, ...statsOperations, ...forecastOperations },
  ...{ ...testOperations, ...bulkOperations },
  'GET /livez': {
    id: 'getLiveness',
    description: 'For a supervisor that restarts a process that hangs.',
    answers: { 200: health },
  },
  'GET /readyz': {
    id: 'getReadiness',
    description: 'For a balancer: `failing` names each check that fails, and why.',
    answers: { 200: health, 503: { description: 'Some check fails.' } },
  },
  'GET /healthz': {
    id: 'getHealth',
    description: 'The same as `/readyz`.',
    answers: { 200: health, 503: { description: 'Some check fails.' } },
  },
  'GET /metrics': {
    id: 'getMetrics',
    description: 'In the text format of Prometheus, or as OpenMetrics where `Accept` asks for that.',
    answers: { 200: { description: 'The metrics.' } },
  },
  'GET /me': {
    id: 'getMe',
    description: 'The name of the caller, all its roles, and the namespaces that it can act in.',
    answers: { 200: { description: 'The caller.' } },
  },
  'GET /namespaces': {
    id: 'listNamespaces',
    description: 'Those in which the caller has a role, in the order of their ids.',
    answers: { 200: page },
  },
  'GET /namespaces/:id': {
    id: 'getNamespace',
    description: 'With its quotas, and how much of them is in use.',
    answers: { 200: theNamespace },
  },
  'DELETE /namespaces/:id': {
    id: 'deleteNamespace',
    description: '409 while it holds anything; with `cascade` all of it goes. Runs under way have ten seconds.',
    errors: [409],
    answers: { 202: { description: 'Runs are under way.' }, 204: { description: 'It is gone.' } },
  },
  'PUT /namespaces/:id': {
    id: 'putNamespace',
    description: 'A member that the body leaves out gets its default. 409 while the namespace is being deleted.',
    errors: [409, 422],
    answers: { 200: theNamespace, 201: { ...theNamespace, headers: ['Location'] } },
    isBodyOptional: true,
    example: { description: 'The billing team', quotas: { tasks: 500, concurrentRuns: 50 }, weight: 2 },
  },
  'POST /keys': {
    id: 'createKey',
    description:
      'For an admin of the namespace; for an owner where it is `*`. The key is shown in this answer and never again. It has exactly this role and namespace.',
    errors: [404, 409, 422],
    answers: { 201: { description: 'The new key, with its text.' } },
    example: { name: 'ci', role: 'operator', namespace: 'billing', expiresAt: '2027-12-01T00:00:00Z' },
  },
  'GET /keys': {
    id: 'listKeys',
    description: 'In the order in which they were made, those of the settings left out.',
    answers: { 200: page },
  },
  'DELETE /keys/:id': {
    id: 'deleteKey',
    description: 'Within a second every replica refuses the key.',
    answers: { 204: { description: 'It is gone.' } },
  },
  'POST /bindings': {
    id: 'createBinding',
    description:
      'Gives a person (`user:…`) or a group (`group:…`) a role, in a namespace or in all of them (`*`). Nobody gives a role that they do not have.',
    errors: [404, 409, 422],
    answers: { 201: { description: 'The new binding.' } },
    example: { subject: 'group:billing', role: 'operator', namespace: 'billing' },
  },
  'GET /bindings': {
    id: 'listBindings',
    description: 'In the order in which they were made.',
    answers: { 200: page },
  },
  'DELETE /bindings/:id': {
    id: 'deleteBinding',
    description: 'Within a second it is without effect on every replica.',
    answers: { 204: { description: 'It is gone.' } },
  },
  'GET /auth/login': {
    id: 'signIn',
    description: 'Sends the browser to the issuer of `OIDC_ISSUER`, which sends it back to `/auth/callback`.',
    errors: [404, 503],
    answers: { 302: { description: 'To the issuer.', headers: ['Location', 'Set-Cookie'] } },
  },
  'GET /auth/callback': {
    id: 'completeSignIn',
    description:
      'Works once, in the browser that began. 403 `no_binding` where nobody gave the person, or one of its groups, a role.',
    errors: [403, 404, 503],
    answers: { 302: { description: 'To `returnTo`, with a session.', headers: ['Location', 'Set-Cookie'] } },
  },
  'POST /auth/session': {
    id: 'startSession',
    description: 'The session has the role of the key, and ends with it.',
    errors: [401, 403, 404, 503],
    answers: { 201: { description: 'The session has begun.', headers: ['Set-Cookie'] } },
    example: { key: 'pk_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v' },
  },
  'POST /auth/logout': {
    id: 'signOut',
    description: 'Every replica refuses the session within a second. Without a session nothing happens.',
    errors: [403, 503],
    answers: { 204: { description: 'There is no session any more.', headers: ['Set-Cookie'] } },
  },
  'GET /audit': {
    id: 'listAudit',
    description:
      'Newest first. An owner sees all entries, an admin those of its namespaces. `from` is included, `to` is not.',
    answers: { 200: page },
  },
  'POST /tasks': {
    id: 'createTask',
    description: 'Only `schedule` and `target` are required. 409 where the id exists.',
    errors: [409, 422],
    answers: { 201: { ...created, headers: [...created.headers, 'Idempotency-Replayed'] } },
    example: { id: 'nightly-report', ...exampleTask },
  },
  'POST /tasks/batch': {
    id: 'createTasks',
    description: 'One answer for each item, in their order. A bad item harms no other.',
    answers: { 200: { description: 'The result of each item.' } },
    example: {
      items: [
        { id: 'every-minute', schedule: { every: '1m' }, target: 'https://example.com/tick' },
        { id: 'on-demand', schedule: { manual: true }, target: 'https://example.com/import' },
      ],
    },
  },
  'GET /tasks': {
    id: 'listTasks',
    description:
      'In the order of their ids. Filters that are repeated match any of their values; `label` must match all. `include=strip` adds the last 20 runs of each task.',
    answers: { 200: page },
  },
  'GET /tasks/:id': {
    id: 'getTask',
    description: 'Credentials in it are shown to admins only.',
    takes: ['IfNoneMatch'],
    answers: { 200: theTask, 304: { description: 'It is still as `If-None-Match` says.', headers: ['ETag'] } },
  },
  'PUT /tasks/:id': {
    id: 'replaceTask',
    description: 'A member that the body leaves out gets its default. `If-None-Match: *` only creates.',
    errors: [409, 412, 422],
    takes: ['IfMatch', 'IfNoneMatch'],
    answers: { 200: theTask, 201: created },
    example: exampleTask,
  },
  'PATCH /tasks/:id': {
    id: 'patchTask',
    description: 'A member that the body leaves out stays; null takes a field back to its default.',
    errors: [409, 412, 422],
    takes: ['IfMatch'],
    answers: { 200: theTask },
    example: { description: 'For the accountants', retry: { maxAttempts: 3 } },
  },
  'DELETE /tasks/:id': {
    id: 'deleteTask',
    description: 'Nothing of it starts once this is answered. Its runs stay in the history.',
    errors: [409, 412],
    takes: ['IfMatch'],
    answers: { 204: { description: 'It is gone.' } },
  },
  'POST /tasks/:id/start': {
    id: 'startTask',
    description: '409 where it is active already, or has nothing left to come.',
    errors: [409, 422],
    answers: { 200: theTask },
    isBodyOptional: true,
    example: { catchUp: 'skip', triggerSource: 'deploy-42' },
  },
  'POST /tasks/:id/stop': {
    id: 'stopTask',
    description: 'Nothing of it starts once this is answered. 409 where it is not active.',
    errors: [409],
    answers: { 200: theTask },
    isBodyOptional: true,
    example: { cancel: 'pending', triggerSource: 'deploy-42' },
  },
  'POST /tasks/:id/trigger': {
    id: 'triggerTask',
    description: 'Works on a stopped task too. With `Prefer: wait=10` the answer waits for the end of the run.',
    errors: [409, 422],
    takes: ['Traceparent'],
    answers: { 202: { ...newRun, headers: ['Location', 'Idempotency-Replayed', 'Preference-Applied'] } },
    isBodyOptional: true,
    example: { triggerSource: 'deploy-42', input: { full: true }, priority: 9 },
  },
  'GET /tasks/:id/next': {
    id: 'listNextRuns',
    description: 'The instants at which it will fire; none where it is not active.',
    answers: { 200: { description: 'The instants.' } },
  },
  'GET /tasks/:id/events': {
    id: 'listTaskEvents',
    description: 'Changes, starts, stops and triggers with their authors, and faults of the task.',
    answers: { 200: page },
  },
  'GET /tasks/:id/misses': {
    id: 'listTaskMisses',
    description: 'Stretches of occurrences that did not fire, and why.',
    answers: { 200: page },
  },
  'GET /tasks/:id/runs': {
    id: 'listTaskRuns',
    description: 'Those of a deleted task too. Filters that are repeated match any of their values.',
    answers: { 200: page },
  },
  'GET /runs': {
    id: 'listRuns',
    description: 'Of all tasks, or of the one that `task` names. Filters that are repeated match any of their values.',
    answers: { 200: page },
  },
  'GET /runs/:id': {
    id: 'getRun',
    description: 'Each attempt has its times and its outcome.',
    answers: { 200: theRun },
  },
  'POST /runs/:id/cancel': {
    id: 'cancelRun',
    description: '409 where it is over already.',
    errors: [409],
    answers: { 202: theRun },
  },
  'POST /runs/:id/retry': {
    id: 'retryRun',
    description: 'With the input and source of the first. 409 where that is not over yet.',
    errors: [409],
    takes: ['Traceparent'],
    answers: { 202: newRun },
  },
  'POST /runs/:id/complete': {
    id: 'completeRun',
    description: 'With the token that came in the call. 409 where nothing is waited for any more.',
    errors: [409],
    answers: { 200: theRun },
    isBodyOptional: true,
    example: { status: 'succeeded', output: 'imported 4,711 rows' },
  },
  'POST /runs/:id/heartbeat': {
    id: 'sendHeartbeat',
    description: 'With the token that came in the call. 409 where the attempt is over: stop working on it.',
    errors: [409],
    answers: { 200: theRun },
    isBodyOptional: true,
    example: { progress: { done: 40, of: 100 } },
  },
  'POST /schedules/preview': {
    id: 'previewSchedule',
    description: 'Stores nothing.',
    errors: [422],
    answers: { 200: { description: 'The schedule in its long form, in words, and the next instants.' } },
    example: { schedule: { cron: '0 2 * * *', timezone: 'Europe/Berlin' }, count: 5 },
  },
};
