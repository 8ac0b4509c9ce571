/** Keys and bindings as answers show them. */

import { formatInstant } from '../../domain/input/instant.ts';
import type { Binding } from '../../store/access/bindings.ts';
import type { KeyRecord } from '../../store/access/keys.ts';

/** Without the key itself, of which only a hash is known. */
export function keyView({ id, name, role, namespace, createdAt, createdBy, expiresAt, lastUsedAt }: KeyRecord) {
  return {
    ...{ id, name, role, namespace, createdAt: formatInstant(createdAt), createdBy },
    expiresAt: expiresAt === null ? null : formatInstant(expiresAt),
    lastUsedAt: lastUsedAt === null ? null : formatInstant(lastUsedAt),
  };
}

export function bindingView({ id, subject, role, namespace, createdAt, createdBy }: Binding) {
  return { id, subject, role, namespace, createdAt: formatInstant(createdAt), createdBy };
}
