/** The person and the groups that the claims of an issuer tell of. */

import { isPlainName } from '../../domain/access/plain-name.ts';
import { ok, type Result } from '../../errors.ts';
import type { Claims } from './issuer.ts';

/** `name` without `user:`, groups without `group:`. */
export type Person = { name: string; groups: string[] };

/** The names of the claims. */
export type ClaimNames = { userClaim: string; groupsClaim: string };

/** Groups that are kept of a person; those beyond count for nothing. */
const mostGroups = 1_000;

/** The person, or why these claims name none, in a sentence. */
export function personOf(claims: Claims, { userClaim, groupsClaim }: ClaimNames): Result<Person, string> {
  const name = claims[userClaim];
  if (typeof name !== 'string') return refuse(`the issuer gives no claim "${userClaim}" that names you`);
  // Some issuers write it as text.
  if (userClaim === 'email' && (claims.email_verified === false || claims.email_verified === 'false'))
    return refuse('the issuer has not verified your email address');
  if (!canBeSubject('user', name)) return refuse(`the claim "${userClaim}" is not a name`);
  const given = claims[groupsClaim];
  const groups = (Array.isArray(given) ? given : [given]).filter(
    (group): group is string => typeof group === 'string' && canBeSubject('group', group),
  );
  return ok({ name, groups: [...new Set(groups)].slice(0, mostGroups) });
}

function canBeSubject(kind: string, name: string): boolean {
  return isPlainName(name) && isPlainName(`${kind}:${name}`);
}

function refuse(errors: string): { ok: false; errors: string } {
  return { ok: false, errors };
}
