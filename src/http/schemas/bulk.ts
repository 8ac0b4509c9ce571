/** The schemas of bulk changes. */

import { Type } from 'typebox';
import { bulkActions } from '../../domain/bulk/bulk.ts';
import { nullable } from '../../domain/input/closed-fields.ts';
import { taskStatuses } from '../../domain/task/states.ts';
import { choice, closed, labelFields, labelName, optional, shown, shownInstant, shownInstantOrNull } from './parts.ts';

/** Text or a list of texts, each of this form. */
const oneOrMore = (form: object, maxItems: number) => ({
  type: ['string', 'array'],
  ...form,
  maxItems,
  items: { type: 'string', ...form },
});
const label = { maxLength: 320, pattern: '^[^:]+:.*$', patternHint: 'must be name:value' };

const select = closed(
  {
    q: optional({ type: 'string', maxLength: 256, description: 'Part of the id or name.' }),
    label: optional(oneOrMore(label, 16)),
    status: optional(oneOrMore({}, taskStatuses.length)),
  },
  { named: 'BulkSelect', description: 'As the filters of the list of tasks. Without any: all tasks of the namespace.' },
);

export const bulkInput = closed(
  {
    select: Type.Optional(select),
    action: choice(bulkActions, { named: 'BulkAction' }),
    labels: Type.Optional(
      Type.Unsafe(
        nullable(
          closed(
            {
              set: optional(labelFields),
              remove: optional({ type: 'array', maxItems: 64, items: { type: 'string', ...labelName } }),
            },
            { named: 'LabelChange', description: 'With the action label.' },
          ),
        ),
      ),
    ),
    expect: Type.Integer({
      minimum: 0,
      maximum: 2_147_483_647,
      description: 'How many tasks are selected. 409 with the real `count` where it differs.',
    }),
  },
  { named: 'BulkInput' },
);

export const shownBulk = Type.Object(
  {
    id: Type.String(),
    action: choice(bulkActions, { named: 'BulkAction' }),
    select: shown({ type: 'object' }),
    labels: shown({ type: ['object', 'null'] }),
    status: choice(['running', 'done'], { named: 'BulkStatus' }),
    total: Type.Integer(),
    done: Type.Integer({ description: 'Tasks that are as they should be.' }),
    unchanged: Type.Integer({ description: 'Those of them that were so before, or are deleted.' }),
    failed: Type.Integer(),
    errors: Type.Array(
      Type.Object({ task: Type.String(), code: Type.String(), detail: Type.String() }, { named: 'BulkError' }),
      { description: 'The first 20.' },
    ),
    createdAt: shownInstant,
    finishedAt: shownInstantOrNull,
    actor: Type.String(),
  },
  { named: 'Bulk' },
);
