/** The shapes of keys and bindings. */

import { Type } from 'typebox';
import { roles } from '../../domain/access/role.ts';
import { choice, closed, instant, optional, shown, shownInstant, shownInstantOrNull, text } from './parts.ts';

const role = choice(roles, { named: 'Role' });
const inNamespace = shown({ type: 'string', maxLength: 63, description: '`*` for all namespaces.' });
const shownGrant = { role, namespace: shown({ type: 'string', description: '`*` for all namespaces.' }) };
const id = shown({ type: 'string', format: 'uuid' });
const made = { createdAt: shownInstant, createdBy: Type.String() };

export const NewKey = closed(
  {
    name: shown({
      type: 'string',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$',
      patternHint: 'must be 1 to 64 letters, digits and . _ @ -, the first a letter or digit',
    }),
    role,
    namespace: inNamespace,
    expiresAt: optional({ ...instant, description: 'It never expires when absent.' }),
  },
  { named: 'NewKey' },
);

const keyFields = {
  ...{ id, name: Type.String(), ...shownGrant, ...made },
  expiresAt: shownInstantOrNull,
  lastUsedAt: shownInstantOrNull,
};
export const Key = Type.Object(keyFields, { $id: 'Key' });
export const MadeKey = Type.Object(
  { ...keyFields, key: Type.String({ description: 'The key itself. It is shown this once.' }) },
  { named: 'MadeKey' },
);

export const NewBinding = closed(
  {
    subject: shown(text(262, { description: '`user:ann@example.org` or `group:ops`.' })),
    role,
    namespace: inNamespace,
  },
  { named: 'NewBinding' },
);
export const Binding = Type.Object({ id, subject: Type.String(), ...shownGrant, ...made }, { $id: 'Binding' });
