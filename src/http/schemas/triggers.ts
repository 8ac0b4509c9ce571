/** The shape of a trigger's body. */

import { Type } from 'typebox';
import { closedFields } from '../../domain/input/closed-fields.ts';
import { instant } from './parts.ts';

/** The caller's name for the source of the trigger: printable characters. */
export const triggerSource = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: '^[^\\p{C}\\p{Zl}\\p{Zp}]*$',
  patternHint: 'must be printable characters',
  description: 'The cause of the request, in a word: kept, and sent on in `X-Trigger-Source`.',
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
