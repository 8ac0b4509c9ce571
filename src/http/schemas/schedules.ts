/** The shapes of schedules and of the warnings about them. */

import { Type } from 'typebox';
import { warningCodes } from '../../domain/input/warning.ts';
import { choice, instant } from './parts.ts';

/** Read by the domain, which explains faults better than a pattern can. */
const rate = { type: 'string', maxLength: 64, examples: ['30s'] };
const localInstant = { type: 'string', maxLength: 64, examples: ['2026-12-01T09:00:00Z'] };

const members = {
  cron: {
    type: 'string',
    maxLength: 256,
    description:
      'Five fields, six (second first) or seven (year last), or a nickname. What Quartz and Jenkins add (`0/15`, `22-6`, `FRI#L`, `L-3`, `H`) and `CRON_TZ=` in front are written out, with a warning.',
    examples: ['0 2 * * *'],
  },
  timezone: {
    type: 'string',
    maxLength: 128,
    description: 'IANA name; of `cron` (UTC when absent), or of a local time.',
  },
  every: rate,
  anchor: { ...instant, description: 'The instant that the fixed rate counts from; the creation when absent.' },
  at: { ...localInstant, description: 'An instant, or with `timezone` a local time such as 2026-12-01T09:00.' },
  delay: rate,
  manual: { const: true },
};
/** The members beside the one that names the form. */
const beside: Record<string, readonly string[]> = { cron: ['timezone'], every: ['anchor'], at: ['timezone'] };

/** The forms that a schedule has when it is shown; those, `delay` and text when it comes in. */
const form = (named: string, required: string[], description: string) => ({
  named,
  type: 'object',
  required,
  properties: Object.fromEntries(
    Object.entries(members).filter(([name]) => required.includes(name) || beside[required[0] ?? '']?.includes(name)),
  ),
  additionalProperties: false,
  description,
});
const forms = [
  form('CronSchedule', ['cron'], 'By a pattern.'),
  form('EverySchedule', ['every'], 'At a fixed rate.'),
  form('AtSchedule', ['at'], 'Once.'),
  form('ManualSchedule', ['manual'], 'Only when triggered.'),
];

/** In the long form. */
export const shownSchedule = Type.Unsafe({ named: 'Schedule', type: 'object', shownAs: { oneOf: forms } });

export const ScheduleInput = Type.Unsafe({
  $id: 'ScheduleInput',
  description:
    'When: exactly one of `cron` (with `timezone`), `every` (with `anchor`), `at`, `delay`, `manual`; or a string: a cron pattern, `@every 30s`, `@daily`, an RFC 3339 instant.',
  type: ['string', 'object'],
  minLength: 1,
  maxLength: 256,
  properties: members,
  additionalProperties: false,
  shownAs: {
    oneOf: [
      { type: 'string', minLength: 1, maxLength: 256 },
      {
        named: 'ScheduleObject',
        oneOf: [...forms, form('DelaySchedule', ['delay'], 'Once, so long after the task is created.')],
      },
    ],
  },
});

/** The warnings of create, replace, patch and preview. */
export const warningList = Type.Array(
  Type.Object(
    {
      code: choice(Object.keys(warningCodes)),
      pointer: Type.String({ description: 'A JSON pointer into the request body.' }),
      detail: Type.String(),
    },
    { named: 'Warning' },
  ),
  { description: 'Parts of the input that were rewritten or are probably not meant; only in answers to a write.' },
);
