/** The caller of a request, its rights, and the reasons for refusing it. */

import { type Role, roles } from '../../domain/role.ts';

/**
 * The caller of a request. `name` begins with the way it signed in: `key:ci`, `jwt:alice`; it is `anonymous` in open
 * mode.
 */
export type Actor = { name: string; role: Role };

/**
 * Whether a name is shown completely and as it is, because it is stored with every change and stands in logs. At most
 * 256 characters; no controls, no line ends, nothing that is invisible or turns the direction of writing, no blank at
 * an end.
 */
export function isPlainName(text: string): boolean {
  return (
    /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,256}$/u.test(text) &&
    !/\p{Default_Ignorable_Code_Point}|[\u2800\ufffc\u{1d159}]/u.test(text) &&
    !/^[ \p{M}]| $/u.test(text)
  );
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
  const detail = 'this needs an API key or a token: Authorization: Bearer …, or X-Api-Key: …';
  return { reason: 'missing', status: 401, detail, headers: { 'www-authenticate': challenge } };
}

/** `detail` must be fixed text: it becomes part of a header. */
export function invalid(detail: string): Refusal {
  const header = `${challenge}, error="invalid_token", error_description="${detail}"`;
  return { reason: 'invalid', status: 401, detail, headers: { 'www-authenticate': header } };
}

export function noRole(): Refusal {
  const detail = `the token has no claim "role" that is ${roles.slice(0, -1).join(', ')} or ${roles.at(-1)}`;
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
