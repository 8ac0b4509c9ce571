/** The `Idempotency-Key` header. */

import type { FastifyRequest } from 'fastify';
import { defaultNamespace } from '../../domain/namespace.ts';
import type { KeyedRequest } from '../../store/cluster/idempotency.ts';
import { invalidField } from '../problems.ts';

/** The keyed request, or null when the client sent no key. `operation` keeps the keys of different calls apart. */
export function keyedRequest(request: FastifyRequest, operation: string): KeyedRequest | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(key))
    throw invalidField([
      { pointer: '#/headers/idempotency-key', detail: 'must be 1 to 255 printable ASCII characters' },
    ]);
  return { namespace: defaultNamespace, scope: `${request.actor.name} ${operation}`, key, body: request.body };
}
