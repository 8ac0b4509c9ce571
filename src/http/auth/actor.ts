/** The caller of a request, its rights, and the reasons for refusing it. */

import type { Grant } from '../../domain/access/grants.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import { type Role, roles } from '../../domain/access/role.ts';
import type { Caller, Via } from '../../usecases/use-case.ts';

/**
 * The caller of a request. `name` begins with the kind of caller: `key:ci`, `jwt:alice`, `user:ann@example.org`; it is
 * `anonymous` in open mode. `grants` is all that it may do.
 */
export type Actor = { name: string; via: Via; grants: readonly Grant[] };

/** The namespace that a request acts in, and the caller's role there; see `Caller`. */
export type Acting = Pick<Caller, 'namespace' | 'role'>;

/**
 * The grant of a role and a namespace as API_KEYS and tokens write them: without a namespace it holds in all of them,
 * and an admin is then the owner of the cluster.
 */
export function grantOf(role: Role, namespace: string | null): Grant {
  if (namespace !== null) return { role, namespace };
  return { role: role === 'admin' ? 'owner' : role, namespace: everyNamespace };
}

/** Why there is no actor, ready to be answered. */
export type Refusal = {
  /** `missing` and `invalid` credentials: 401. `no_role`: valid ones that name no role, 403. `unavailable`: 503. */
  reason: 'missing' | 'invalid' | 'no_role' | 'unavailable';
  status: 401 | 403 | 503;
  /** For the client; holds nothing that it sent. */
  detail: string;
  /** `WWW-Authenticate` (RFC 6750 §3) with 401 and 403, `Retry-After` with 503. */
  headers: Record<string, string>;
};

const challenge = 'Bearer realm="punctual"';

export function missing(): Refusal {
  const detail = 'this needs an API key or a token (Authorization: Bearer …, or X-Api-Key: …), or a session';
  return { reason: 'missing', status: 401, detail, headers: { 'www-authenticate': challenge } };
}

/** `detail` must be fixed text: it becomes part of a header. */
export function invalid(detail: string): Refusal {
  const header = `${challenge}, error="invalid_token", error_description="${detail}"`;
  return { reason: 'invalid', status: 401, detail, headers: { 'www-authenticate': header } };
}

export function noRole(): Refusal {
  const detail =
    `the token has no claim "role" that is ${roles.slice(0, -1).join(', ')} or ${roles.at(-1)}; ` +
    'without that claim its subject or one of its groups needs a binding';
  return {
    reason: 'no_role',
    status: 403,
    detail,
    headers: { 'www-authenticate': `${challenge}, error="insufficient_scope"` },
  };
}

export function keysUnavailable(): Refusal {
  const detail = 'the keys that tokens are checked with cannot be had right now';
  return { reason: 'unavailable', status: 503, detail, headers: { 'retry-after': '5' } };
}

export function storeUnavailable(): Refusal {
  const detail = 'the database, which knows these credentials, cannot be reached right now';
  return { reason: 'unavailable', status: 503, detail, headers: { 'retry-after': '1' } };
}
