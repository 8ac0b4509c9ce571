/** The body of a trigger: the caller's details of the run that it asks for. */

import { Type } from 'typebox';
import { closedFields } from '../../domain/input/closed-fields.ts';
import { writeExactJson } from '../../domain/input/exact-json.ts';
import { parseInstant } from '../../domain/input/instant.ts';
import { unprocessable } from '../problems.ts';
import { instant } from '../schemas/parts.ts';

/** The caller's name for the source of the trigger: printable characters. */
export const triggerSource = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: '^[^\\p{C}\\p{Zl}\\p{Zp}]*$',
  patternHint: 'must be printable characters',
  description: 'What made the caller ask, in a word: kept, and sent on in `X-Trigger-Source`.',
  examples: ['deploy-42'],
};

export const TriggerInput = Type.Unsafe(
  closedFields(
    {
      triggerSource,
      input: {
        description:
          'Any JSON value but null: kept on the run, sent as the body where the task has none, and `{{ input.… }}` in templates.',
      },
      priority: { type: 'integer', minimum: 0, maximum: 9, description: "Of this run; the task's when absent." },
      scheduledFor: {
        ...instant,
        description: 'The instant that the run is for, where that is not now: one that has passed.',
      },
    },
    { $id: 'TriggerInput', examples: [{ triggerSource: 'deploy-42', input: { full: true } }] },
  ),
);

type TriggerBody = {
  triggerSource?: string | null;
  input?: unknown;
  priority?: number | null;
  scheduledFor?: string | null;
};

/** The details of a trigger; throws a 422. `scheduledFor` is in epoch milliseconds, null for now. */
export function readTrigger(body: unknown) {
  const { input, priority = null, scheduledFor, triggerSource: source = null } = (body ?? {}) as TriggerBody;
  const at = scheduledFor == null ? null : parseInstant(scheduledFor);
  if (scheduledFor != null && (at === null || at < 0))
    throw unprocessable([
      { pointer: '#/scheduledFor', detail: 'must be an RFC 3339 instant such as "2026-12-01T09:00:00Z"' },
    ]);
  return { source, input: input == null ? null : writeExactJson(input), priority, scheduledFor: at };
}
