/** The `Idempotency-Key` header. */

import type { FastifyRequest } from 'fastify';
import type { Key } from '../../usecases/idempotency.ts';
import { invalidField } from '../problems.ts';

/** The key and the body that it stands for, or null when the client sent no key. */
export function idempotencyKey({ headers, body }: FastifyRequest): Key | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x20-\x7e]{1,255}$/.test(key))
    throw invalidField([
      { pointer: '#/headers/idempotency-key', detail: 'must be 1 to 255 printable ASCII characters' },
    ]);
  return { key, body };
}
