/** The shapes of limits, hooks, long work and fallback, as JSON Schema. */

import { Type } from 'typebox';
import { closedFields } from '../../domain/input/closed-fields.ts';
import { hookErrors } from '../../domain/task/policies.ts';
import type { HookSchema, TargetSchemas } from '../../domain/task/target.ts';
import { duration, optional, shown } from './parts.ts';

const key = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$',
  patternHint:
    'must be 1 to 128 letters, digits, dots, colons, slashes, underscores or hyphens, the first a letter or digit',
};
/** The hooks that a client may send. */
function hookInputs({ text, fields }: HookSchema) {
  const hookFields = { ...fields, timeout: duration };
  const hook = (named: string, members: Record<string, object>, description: string) => ({
    named,
    ...closedFields(members, {}),
    type: ['string', 'object'],
    ...text,
    description,
  });
  return optional(
    closedFields(
      {
        before: hook(
          'BeforeHookInput',
          { ...hookFields, onError: { named: 'HookErrorPolicy', enum: [...hookErrors] } },
          'Asked before the first attempt: 2xx goes on, 409 and 412 skip the run, for anything else see `onError`.',
        ),
        onSuccess: hook('HookInput', hookFields, 'Called when a run has succeeded.'),
        onFailure: hook('HookInput', hookFields, 'Called when a run has failed, timed out or been lost.'),
        onRecovery: hook('HookInput', hookFields, 'Called at the first success after a failure.'),
        onMissed: hook('HookInput', hookFields, 'Called when occurrences were missed.'),
      },
      { named: 'HooksInput', description: 'HTTP calls about runs, as CloudEvents, repeated until they succeed.' },
    ),
  );
}

/** Those that a client may send. */
export const policyFields = ({ hooks }: TargetSchemas) => ({
  maxConcurrency: optional({
    type: 'integer',
    minimum: 1,
    maximum: 100_000,
    description: 'With overlap "allow": how many runs of the task at once.',
  }),
  concurrency: optional(
    closedFields(
      { key, limit: { type: 'integer', minimum: 1, maximum: 100_000 } },
      {
        named: 'ConcurrencyInput',
        description: 'At most `limit` runs at once of all tasks with this key; the others wait.',
      },
    ),
  ),
  rate: optional(
    closedFields(
      { key, limit: { type: 'integer', minimum: 1, maximum: 1_000 }, period: duration },
      {
        named: 'RateInput',
        description: 'At most `limit` attempts begun within any `period` by all tasks with this key; the others wait.',
      },
    ),
  ),
  hooks: hookInputs(hooks),
  heartbeatTimeout: optional({
    ...duration,
    description:
      'The target may answer 202 and finish later with `POST /runs/:id/complete`, if it sends a heartbeat at least this often.',
  }),
  fallback: Type.Optional(
    Type.Unsafe({
      anyOf: [{ $ref: 'TargetInput#' }, { type: 'null' }],
      description: 'A second target, called while the circuit to the first is open.',
    }),
  ),
  signing: optional(
    closedFields(
      {
        secret: {
          type: 'string',
          minLength: 1,
          maxLength: 512,
          description:
            '`whsec_` and 24 to 64 bytes in base64; up to four, newest first, with blanks between. Never shown.',
        },
      },
      {
        named: 'SigningInput',
        description:
          'Signs the calls of this task, its fallback and its hooks (Standard Webhooks), before the secrets of the service.',
      },
    ),
  ),
});

const orNull = (named: string, description: string, properties: Record<string, object>) =>
  shown({ named, type: ['object', 'null'], properties, description });

/** How they are shown. */
export function shownPolicies({ targets, hooks }: TargetSchemas) {
  const hook = {
    named: 'Hook',
    type: ['object', 'null'],
    properties: { ...hooks.shown, timeout: { type: 'string' } },
  };
  const components = [...targets.values()].map((each) => ({ $ref: `#/components/schemas/${each.shown.named}` }));
  return {
    maxConcurrency: shown({ type: ['integer', 'null'] }),
    concurrency: orNull('Concurrency', 'See TaskInput.', { key: { type: 'string' }, limit: { type: 'integer' } }),
    rate: orNull('Rate', 'See TaskInput.', {
      key: { type: 'string' },
      limit: { type: 'integer' },
      period: { type: 'string' },
    }),
    hooks: orNull('Hooks', 'See TaskInput.', {
      before: hook,
      onSuccess: hook,
      onFailure: hook,
      onRecovery: hook,
      onMissed: hook,
    }),
    heartbeatTimeout: shown({ type: ['string', 'null'] }),
    fallback: shown({
      type: ['object', 'null'],
      description: 'As `target`.',
      shownAs: { oneOf: [...components, { type: 'null' }] },
    }),
    signing: orNull('Signing', 'Its secret is always `••••••`; sent back, that means unchanged.', {
      secret: { type: 'string' },
    }),
  };
}
