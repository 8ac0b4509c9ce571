/** A namespace as answers show it. */

import { allQuotas } from '../../domain/access/quotas.ts';
import { formatInstant } from '../../domain/input/instant.ts';
import type { Namespace, NamespaceUsage } from '../../store/access/namespaces.ts';

export function namespaceView({ createdAt, updatedAt, ...namespace }: Namespace & { usage: NamespaceUsage }) {
  return {
    ...namespace,
    quotas: allQuotas(namespace.quotas),
    createdAt: formatInstant(createdAt.getTime()),
    updatedAt: formatInstant(updatedAt.getTime()),
  };
}
