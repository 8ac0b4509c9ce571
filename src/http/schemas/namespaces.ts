/** The shapes of namespaces: as clients send them, and as answers show them. */

import { Type } from 'typebox';
import { closedFields } from '../../domain/input/closed-fields.ts';
import { closed, optional, shown, shownInstant, text } from './parts.ts';

const count = (description: string) => ({ type: 'integer', description });
const length = (description: string) => text(64, { description, examples: ['30s'] });

const quotaFields = {
  tasks: count('Tasks that are not deleted. A task beyond it is refused.'),
  concurrentRuns: count('Runs at once. Due runs beyond it wait, and none is lost.'),
  minInterval: length('The smallest gap between two occurrences of a schedule. Tasks that are there go on.'),
  createsPerMinute: count('Tasks created in any 60 seconds.'),
  historyRetention: length('Finished runs older than this go, if HISTORY_RETENTION is longer.'),
  secrets: count('Secrets.'),
  channels: count('Channels.'),
  monitors: count('Monitors.'),
};

const rules = (description: string) => ({
  type: 'array',
  maxItems: 1_000,
  items: text(300),
  description,
  examples: [['10.0.0.0/8', '.example.com']],
});

const labels = {
  type: 'object',
  maxProperties: 64,
  propertyNames: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$' },
  additionalProperties: text(256),
};

export const NamespaceInput = closed(
  {
    description: optional(text(4_096)),
    labels: optional(labels),
    quotas: optional(closedFields(quotaFields, { named: 'QuotasInput', description: 'None when absent or null.' })),
    weight: optional({
      type: 'integer',
      description: 'How many turns it takes, of 1 to 1000, while others take one; 1 when absent.',
    }),
    targetAllow: optional(rules('Targets may only reach these, of those that TARGET_ALLOW permits.')),
    targetDeny: optional(rules('Targets may not reach these either, beside those of TARGET_DENY.')),
  },
  { $id: 'NamespaceInput' },
);

const shownRules = shown({ type: ['array', 'null'], items: { type: 'string' } });
const shownCount = shown({ type: ['integer', 'null'] });
const shownLength = shown({ type: ['string', 'null'] });

export const Namespace = Type.Object(
  {
    id: Type.String(),
    description: shown({ type: ['string', 'null'] }),
    labels: Type.Record(Type.String(), Type.String()),
    quotas: Type.Object(
      {
        tasks: shownCount,
        concurrentRuns: shownCount,
        minInterval: shownLength,
        createsPerMinute: shownCount,
        historyRetention: shownLength,
        secrets: shownCount,
        channels: shownCount,
        monitors: shownCount,
      },
      { named: 'Quotas', description: 'Null: no quota.' },
    ),
    usage: Type.Object(
      {
        tasks: Type.Integer(),
        concurrentRuns: Type.Integer(),
        createsPerMinute: Type.Integer(),
        secrets: Type.Integer(),
      },
      { named: 'Usage', description: 'How much of the quotas is in use now.' },
    ),
    weight: Type.Integer(),
    targetAllow: shownRules,
    targetDeny: shownRules,
    closing: Type.Boolean({ description: 'It is being deleted: nothing can be made in it any more.' }),
    createdAt: shownInstant,
    updatedAt: shownInstant,
  },
  { $id: 'Namespace' },
);

export const namespaceParams = closed({ id: Type.String({ maxLength: 256 }) });
