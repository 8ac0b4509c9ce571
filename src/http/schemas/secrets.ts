/** The shape of secrets in answers. */

import { Type } from 'typebox';
import { shownInstant, shownInstantOrNull } from './parts.ts';

/** A secret as answers show it: its value is in none. */
export const Secret = Type.Object(
  {
    name: Type.String(),
    version: Type.Integer({ description: 'Counts its values.' }),
    description: Type.Union([Type.String(), Type.Null()]),
    createdAt: shownInstant,
    updatedAt: shownInstant,
    lastUsedAt: shownInstantOrNull,
    usedBy: Type.Array(Type.String(), { description: 'The ids of the tasks that use it: the oldest 100.' }),
    usedByMore: Type.Boolean({ description: 'Whether more tasks use it than `usedBy` names.' }),
  },
  { $id: 'Secret' },
);
