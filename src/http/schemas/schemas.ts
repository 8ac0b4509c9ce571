/** The shapes of inputs and answers as JSON Schema: for validation, and for the OpenAPI document. */

import { type TSchema, Type } from 'typebox';
import { closedFields } from '../../domain/input/closed-fields.ts';
import { errorKinds, runStatuses, triggers } from '../../domain/run/run.ts';
import { misfirePolicies } from '../../domain/schedule/misfire.ts';
import { taskStatuses } from '../../domain/task/states.ts';
import type { TargetSchemas } from '../../domain/task/target.ts';
import { backoffs, overlaps, retryKinds } from '../../domain/task/task.ts';
import { Binding, Key } from './grants.ts';
import { wholeRun } from './logs.ts';
import { Namespace, NamespaceInput } from './namespaces.ts';
import {
  choice,
  closed,
  duration,
  instant,
  labelFields,
  optional,
  shown,
  shownInstant,
  shownInstantOrNull,
  taskId,
  text,
} from './parts.ts';
import { policyFields, shownPolicies } from './policies.ts';
import { ScheduleInput, shownSchedule, warningList } from './schedules.ts';
import { Secret } from './secrets.ts';
import { shownTarget, targetInput } from './targets.ts';
import { TriggerInput } from './triggers.ts';

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
const taskInputFields = (targets: TargetSchemas) => ({
  name: optional(text(256, { minLength: 1, description: 'Display only; the id when absent.' })),
  description: optional(text(4_096)),
  labels: optional(labelFields),
  schedule: Type.Ref('ScheduleInput#'),
  target: Type.Ref('TargetInput#'),
  timeout: optional({ ...duration, description: 'Of one attempt, in total; 30s when absent.' }),
  retry: optional(closedFields(retryFields, { named: 'RetryInput', description: 'One attempt when absent.' })),
  overlap: optional({
    named: 'Overlap',
    enum: [...overlaps],
    description: 'Decides about an occurrence that is due while the last run is live; skip when absent.',
  }),
  misfire: optional(
    closedFields(misfireFields, {
      named: 'MisfireInput',
      description: 'The rule for an occurrence found later than its grace.',
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
  ...policyFields(targets),
});

/** Where fields belong that clients send at the top of a task by mistake. */
const within = (place: string, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, `${place}.${name}`]));
const misplaced = ({ targets }: TargetSchemas) => ({
  ...within('retry', Object.keys(retryFields)),
  ...within('misfire', Object.keys(misfireFields)),
  ...within(
    'target',
    [...targets.values()].flatMap((each) => each.misplaced),
  ),
  ...within('schedule', ['cron', 'timezone', 'every', 'anchor', 'at', 'delay', 'manual']),
});

const TaskInput = (targets: TargetSchemas) =>
  closed(taskInputFields(targets), { $id: 'TaskInput', misplaced: misplaced(targets) });
const NewTaskInput = (targets: TargetSchemas) =>
  closed({ id: optional(taskId), ...taskInputFields(targets) }, { $id: 'NewTaskInput', misplaced: misplaced(targets) });

const Task = (targets: TargetSchemas) =>
  Type.Object(
    {
      id: shown(taskId),
      name: Type.String(),
      description: shown({ type: ['string', 'null'] }),
      labels: Type.Record(Type.String(), Type.String()),
      schedule: shownSchedule,
      target: shownTarget(targets),
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
      ...shownPolicies(targets),
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
      strip: Type.Optional(
        Type.Array(
          Type.Object({
            id: Type.String({ format: 'uuid' }),
            status: choice(runStatuses, { named: 'RunStatus' }),
            scheduledFor: shownInstant,
          }),
          { description: 'Of a list with `include=strip`: its last 20 runs, newest first.' },
        ),
      ),
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
    triggerSource: shown({ type: ['string', 'null'], description: 'The source that its caller gave.' }),
    input: shown({ description: 'The input that its caller gave; null when none.' }),
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
    reason: shown({
      type: ['string', 'null'],
      description:
        'Why it was skipped, cancelled or lost; why it waits, where a quota of the namespace or its target makes it wait.',
    }),
    progress: shown({
      description: 'The progress that the target reported last with a heartbeat; null when it did not.',
    }),
    heartbeatDueAt: shownInstantOrNull,
    ...wholeRun,
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
    quota: Type.Optional(Type.String({ description: 'With the code `quota_exceeded`: the quota of the namespace.' })),
    limit: Type.Optional(shown({ type: ['integer', 'string'], description: 'What that quota allows.' })),
    used: Type.Optional(shown({ type: ['integer', 'string'], description: 'What there is, or would be.' })),
  },
  { $id: 'Problem', description: 'RFC 9457' },
);

/** A page of `items`; `nextCursor` is null on the last one. */
export const pageOf = (name: string) =>
  Type.Object(
    { items: Type.Array(Type.Ref(`${name}#`)), nextCursor: shown({ type: ['string', 'null'] }) },
    { named: `${name}List` },
  );

/** Every schema that has a name of its own, for the kinds of target that are registered. */
export const namedSchemas = (targets: TargetSchemas): TSchema[] => [
  ScheduleInput,
  targetInput(targets),
  TaskInput(targets),
  NewTaskInput(targets),
  TriggerInput,
  Task(targets),
  Run,
  NamespaceInput,
  Namespace,
  Key,
  Binding,
  Secret,
  Problem,
];

/** A query parameter that may be repeated: any of its values. */
export const choices = (values: readonly string[]) =>
  Type.Optional(Type.Array(choice(values), { maxItems: values.length }));

export const taskIdParams = closed({ id: shown(taskId) });
export const runIdParams = Type.Object({ id: Type.String({ maxLength: 128 }) });
export const limitQuery = Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 }));
export const cursorQuery = Type.Optional(Type.String({ maxLength: 512 }));
export const instantQuery = Type.Optional(Type.String({ maxLength: 40 }));
export const countQuery = Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 5 }));
export { choice, closed, warningList };
