/** The shapes of what goes in and out, as JSON Schema: what is validated, and what the OpenAPI document shows. */

import { Type } from 'typebox';
import { errorKinds, runStatuses, triggers } from '../../domain/run/run.ts';
import { httpMethods, longestUrl, mostHeaders, mostSuccessStatuses } from '../../domain/target/target.ts';
import { taskStatuses } from '../../domain/task/states.ts';
import { backoffs, misfirePolicies, overlaps, retryKinds } from '../../domain/task/task.ts';
import { TriggerInput } from '../input/trigger-input.ts';
import {
  choice,
  closed,
  closedFields,
  duration,
  instant,
  optional,
  shown,
  shownInstant,
  shownInstantOrNull,
  taskId,
  text,
} from './parts.ts';
import { policyFields, shownPolicies } from './policies.ts';
import { ScheduleInput, shownSchedule, warningList } from './schedules.ts';
import { targetFields } from './target-fields.ts';

const TargetInput = Type.Unsafe({
  $id: 'TargetInput',
  named: 'HttpTargetInput',
  description: 'What a run calls; a string is the URL of a POST.',
  type: ['string', 'object'],
  maxLength: longestUrl,
  required: ['url'],
  properties: {
    type: { const: 'http' },
    method: { named: 'HttpMethod', enum: [...httpMethods] },
    url: { type: 'string', minLength: 1, maxLength: longestUrl },
    headers: { type: 'object', maxProperties: mostHeaders, additionalProperties: { type: 'string', maxLength: 8_192 } },
    body: { description: 'Any JSON value; the run describes itself when absent.' },
    successStatus: {
      type: 'array',
      minItems: 1,
      maxItems: mostSuccessStatuses,
      items: {
        type: 'string',
        pattern: '^([1-5]xx|[1-5][0-9]{2})$',
        patternHint: 'must be a class such as "2xx" or a code such as "204"',
      },
    },
    ...targetFields,
    template: {
      type: 'boolean',
      description: 'Fill in `{{ scheduledFor }}`, `{{ attempt }}`, `{{ task.labels.x }}` … in url, headers and body.',
    },
  },
  additionalProperties: false,
});

const retryFields = {
  maxAttempts: { type: 'integer', minimum: 1, maximum: 100 },
  backoff: { named: 'Backoff', enum: [...backoffs] },
  minBackoff: duration,
  maxBackoff: duration,
  maxDuration: { ...duration, description: 'Of the whole run; no attempt goes on beyond it. No limit when absent.' },
  multiplier: { type: 'number', minimum: 1, maximum: 100 },
  jitter: { type: 'number', minimum: 0, maximum: 1 },
  retryOn: { type: 'array', maxItems: retryKinds.length, items: { named: 'RetryKind', enum: [...retryKinds] } },
};
const misfireFields = {
  policy: { named: 'MisfirePolicy', enum: [...misfirePolicies] },
  grace: duration,
  limit: { type: 'integer', minimum: 1, maximum: 10_000 },
};
const taskInputFields = {
  name: optional(text(256, { minLength: 1, description: 'Display only; the id when absent.' })),
  description: optional(text(4_096)),
  labels: optional({
    type: 'object',
    maxProperties: 64,
    propertyNames: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$' },
    additionalProperties: text(256),
  }),
  schedule: Type.Ref('ScheduleInput#'),
  target: Type.Ref('TargetInput#'),
  timeout: optional({ ...duration, description: 'Of one attempt, in total; 30s when absent.' }),
  retry: optional(closedFields(retryFields, { named: 'RetryInput', description: 'One attempt when absent.' })),
  overlap: optional({
    named: 'Overlap',
    enum: [...overlaps],
    description: 'What happens to an occurrence due while the last run is still live; skip when absent.',
  }),
  misfire: optional(
    closedFields(misfireFields, {
      named: 'MisfireInput',
      description: 'What happens to an occurrence found later than its grace.',
    }),
  ),
  startsAt: optional({ ...instant, description: 'First instant allowed.' }),
  endsAt: optional({ ...instant, description: 'Last instant allowed.' }),
  maxRuns: optional({ type: 'integer', minimum: 1, maximum: 2_147_483_647 }),
  jitter: optional({
    ...duration,
    description: 'Moves each occurrence by a fixed share of this, the same on every replica.',
  }),
  priority: optional({ type: 'integer', minimum: 0, maximum: 9, description: '9 first; 5 when absent.' }),
  status: optional({
    named: 'TaskStatus',
    enum: [...taskStatuses],
    description: 'active or stopped; a task completes by itself.',
  }),
  template: optional({ type: 'boolean', description: 'Short for `template` in target and fallback.' }),
  warnings: optional({ type: 'array', description: 'Left aside: an answer to a write may be sent back.' }),
  ...policyFields,
};

/** Where fields belong that are sent at the top of a task. */
const within = (place: string, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, `${place}.${name}`]));
const misplaced = {
  ...within('retry', Object.keys(retryFields)),
  ...within('misfire', Object.keys(misfireFields)),
  ...within('target', ['url', 'method', 'headers', 'body', 'successStatus']),
  ...within('schedule', ['cron', 'timezone', 'every', 'anchor', 'at', 'delay', 'manual']),
};

export const TaskInput = closed(taskInputFields, { $id: 'TaskInput', misplaced });
export const NewTaskInput = closed({ id: optional(taskId), ...taskInputFields }, { $id: 'NewTaskInput', misplaced });

const Task = Type.Object(
  {
    id: shown(taskId),
    name: Type.String(),
    description: shown({ type: ['string', 'null'] }),
    labels: Type.Record(Type.String(), Type.String()),
    schedule: shownSchedule,
    target: Type.Object(
      {
        type: shown({ const: 'http' }),
        method: choice(httpMethods, { named: 'HttpMethod' }),
        url: Type.String(),
        headers: Type.Record(Type.String(), Type.String()),
        body: Type.Optional(shown({})),
        successStatus: Type.Array(Type.String()),
        ...Object.fromEntries(Object.entries(targetFields).map(([name, field]) => [name, Type.Optional(shown(field))])),
        template: Type.Optional(Type.Boolean()),
      },
      { named: 'HttpTarget' },
    ),
    timeout: Type.String(),
    retry: Type.Object(
      {
        maxAttempts: Type.Integer(),
        backoff: choice(backoffs, { named: 'Backoff' }),
        minBackoff: Type.String(),
        maxBackoff: Type.String(),
        maxDuration: shown({ type: ['string', 'null'] }),
        multiplier: Type.Number(),
        jitter: Type.Number(),
        retryOn: Type.Array(choice(retryKinds, { named: 'RetryKind' })),
      },
      { named: 'Retry' },
    ),
    overlap: choice(overlaps, { named: 'Overlap' }),
    misfire: Type.Object(
      { policy: choice(misfirePolicies, { named: 'MisfirePolicy' }), grace: Type.String(), limit: Type.Integer() },
      { named: 'Misfire' },
    ),
    startsAt: shownInstantOrNull,
    endsAt: shownInstantOrNull,
    maxRuns: shown({ type: ['integer', 'null'] }),
    jitter: shown({ type: ['string', 'null'] }),
    priority: Type.Integer(),
    ...shownPolicies,
    status: choice(taskStatuses, { named: 'TaskStatus' }),
    version: Type.Integer(),
    createdAt: shownInstant,
    updatedAt: shownInstant,
    nextRunAt: shownInstantOrNull,
    warnings: Type.Optional(warningList),
    lastRun: shown({
      named: 'LastRun',
      type: ['object', 'null'],
      required: ['id', 'status', 'scheduledFor', 'finishedAt'],
      properties: {
        id: { type: 'string', format: 'uuid' },
        status: { named: 'RunStatus', enum: [...runStatuses] },
        scheduledFor: { type: 'string', format: 'date-time' },
        finishedAt: { type: ['string', 'null'], format: 'date-time' },
      },
    }),
  },
  { $id: 'Task' },
);

const runError = shown({
  named: 'RunError',
  type: ['object', 'null'],
  required: ['kind', 'message'],
  properties: { kind: { named: 'ErrorKind', enum: [...errorKinds] }, message: { type: 'string' } },
});

const Run = Type.Object(
  {
    id: shown({ type: 'string', format: 'uuid' }),
    taskId: Type.String(),
    trigger: choice(triggers, { named: 'RunTrigger' }),
    triggerSource: shown({ type: ['string', 'null'], description: 'What its caller gave as its source.' }),
    input: shown({ description: 'What its caller gave it to work on; null when nothing.' }),
    priority: Type.Integer(),
    scheduledFor: shownInstant,
    status: choice(runStatuses, { named: 'RunStatus' }),
    attempt: Type.Integer(),
    maxAttempts: Type.Integer(),
    replica: shown({ type: ['string', 'null'] }),
    createdAt: shownInstant,
    startedAt: shownInstantOrNull,
    finishedAt: shownInstantOrNull,
    latenessMs: shown({ type: ['number', 'null'] }),
    durationMs: shown({ type: ['number', 'null'] }),
    result: shown({
      named: 'RunResult',
      type: ['object', 'null'],
      required: ['httpStatus', 'output', 'truncated'],
      properties: {
        httpStatus: { type: ['integer', 'null'] },
        output: { type: ['string', 'null'] },
        truncated: { type: 'boolean' },
      },
    }),
    error: runError,
    attempts: Type.Array(
      Type.Object(
        {
          attempt: Type.Integer(),
          status: Type.String(),
          startedAt: shownInstantOrNull,
          finishedAt: shownInstantOrNull,
          error: runError,
          httpStatus: shown({ type: ['integer', 'null'] }),
        },
        { named: 'Attempt' },
      ),
    ),
    reason: shown({ type: ['string', 'null'] }),
    progress: shown({ description: 'What the target reported last with a heartbeat; null when it did not.' }),
    heartbeatDueAt: shownInstantOrNull,
  },
  { $id: 'Run' },
);

const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    code: Type.String(),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), detail: Type.String() }, { named: 'FieldError' })),
    ),
  },
  { $id: 'Problem', description: 'RFC 9457' },
);

/** A page of `items`; `nextCursor` is null on the last one. */
export const pageOf = (name: string) =>
  Type.Object(
    { items: Type.Array(Type.Ref(`${name}#`)), nextCursor: shown({ type: ['string', 'null'] }) },
    { named: `${name}List` },
  );

/** Every schema that has a name of its own. */
export const namedSchemas = [ScheduleInput, TargetInput, TaskInput, NewTaskInput, TriggerInput, Task, Run, Problem];

/** A query parameter that may be repeated: any of its values. */
export const choices = (values: readonly string[]) =>
  Type.Optional(Type.Array(choice(values), { maxItems: values.length }));

export const taskIdParams = closed({ id: shown(taskId) });
export const limitQuery = Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 }));
export const cursorQuery = Type.Optional(Type.String({ maxLength: 512 }));
export const instantQuery = Type.Optional(Type.String({ maxLength: 40 }));
export const countQuery = Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 5 }));
export { choice, closed, warningList };
