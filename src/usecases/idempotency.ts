/** Requests that a caller may repeat under a key of its own. */

import type { KeyedRequest } from '../store/cluster/idempotency.ts';
import type { Caller } from './use-case.ts';

/** `body` is the request: the same key with another body is refused. */
export type Key = { key: string; body: unknown };

/** The request as it is remembered: callers and operations do not share keys. */
export function keyedBy({ name, namespace }: Caller, operation: string, { key, body }: Key): KeyedRequest {
  return { namespace, scope: `${name} ${operation}`, key, body };
}
