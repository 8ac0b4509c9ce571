/** Checks JSON Web Tokens and reads the actor from them (RFC 8725: algorithms and keys are ours, never the token's). */

import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { Clock } from '../../clock.ts';
import type { Grant } from '../../domain/access/grants.ts';
import { everyNamespace, isNamespaceId } from '../../domain/access/namespace.ts';
import { isPlainName } from '../../domain/access/plain-name.ts';
import { roles } from '../../domain/access/role.ts';
import { ok, type Result } from '../../errors.ts';
import type { Settings } from '../../settings/settings.ts';
import { type Actor, grantOf, invalid, keysUnavailable, noRole, type Refusal } from './actor.ts';
import { type KeySet, KeysUnavailable } from './key-set.ts';

export type JwtSettings = Pick<Settings, 'jwtSecret' | 'jwtIssuer' | 'jwtAudience' | 'oidcGroupsClaim'>;

/** Never rejects. */
export type TokenCheck = (token: string) => Promise<Result<Actor, Refusal>>;

const keySetAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const clockToleranceSeconds = 5;
/** The name of a token without `sub`. No `sub` can make it, because none may begin with a blank. */
const nameless = 'jwt: (no sub)';

/** The grants that bindings give to some subjects, or why they cannot be told. Never rejects. */
export type GrantsOf = (subjects: readonly string[]) => Promise<Result<Grant[], Refusal>>;

/** The checker of tokens, or null where neither a secret nor a key set is configured. */
export function createTokenCheck(
  settings: JwtSettings,
  keySet: KeySet | null,
  grantsOf: GrantsOf,
  clock: Clock,
): TokenCheck | null {
  const { jwtSecret, oidcGroupsClaim } = settings;
  const actorOf = (payload: JWTPayload) => actorOfClaims(payload, payload[oidcGroupsClaim], grantsOf);
  const options: JWTVerifyOptions = { requiredClaims: ['exp'], clockTolerance: clockToleranceSeconds };
  if (settings.jwtIssuer !== null) options.issuer = settings.jwtIssuer;
  if (settings.jwtAudience !== null) options.audience = settings.jwtAudience;
  const now = () => new Date(clock.now());

  if (jwtSecret !== null)
    return async (token) => {
      try {
        const verified = await jwtVerify(token, jwtSecret, { ...options, algorithms: ['HS256'], currentDate: now() });
        return actorOf(verified.payload);
      } catch (error) {
        return { ok: false, errors: invalid(whyInvalid(error)) };
      }
    };

  if (keySet === null) return null;
  return async (token) => {
    try {
      const verified = await jwtVerify(token, keySet.keyOf, {
        ...options,
        algorithms: keySetAlgorithms,
        currentDate: now(),
      });
      return actorOf(verified.payload);
    } catch (error) {
      return { ok: false, errors: error instanceof KeysUnavailable ? keysUnavailable() : invalid(whyInvalid(error)) };
    }
  };
}

/** Fixed texts: nothing of the token is repeated. */
function whyInvalid(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return ['exp', 'nbf', 'iss', 'aud'].includes(error.claim)
      ? `the claim ${error.claim} of the token is missing or not accepted`
      : 'a claim of the token is not accepted';
  return 'the token is not valid';
}

/** The claims `role` and `namespace` say what a token may do. Without them the bindings of its `sub` and groups do. */
async function actorOfClaims(
  { sub, role, namespace = null }: JWTPayload,
  groups: unknown,
  grantsOf: GrantsOf,
): Promise<Result<Actor, Refusal>> {
  if (sub !== undefined && (typeof sub !== 'string' || !isPlainName(sub)))
    return { ok: false, errors: invalid('the claim sub of the token is not accepted') };
  if (namespace !== null && !isNamespace(namespace))
    return { ok: false, errors: invalid('the claim namespace of the token is not accepted') };
  const actor = { name: sub === undefined ? nameless : `jwt:${sub}`, via: 'jwt' as const };
  if (role === undefined && namespace === null) {
    const granted = await grantsOf([...(sub === undefined ? [] : [`user:${sub}`]), ...subjectsOf(groups)]);
    if (!granted.ok) return granted;
    return granted.value.length > 0 ? ok({ ...actor, grants: granted.value }) : { ok: false, errors: noRole() };
  }
  const known = roles.find((each) => each === role);
  if (known === undefined) return { ok: false, errors: noRole() };
  if (known === 'owner' && namespace !== null && namespace !== everyNamespace)
    return { ok: false, errors: invalid('the role owner of the token holds in all namespaces only') };
  return ok({ ...actor, grants: [grantOf(known, namespace)] });
}

/** The subjects of the groups that a claim lists, or that it is itself. Groups that no binding can name are left out. */
function subjectsOf(claim: unknown): string[] {
  const names = (Array.isArray(claim) ? claim : [claim]).filter(
    (name) => typeof name === 'string' && isPlainName(name),
  );
  return [...new Set(names.map((name) => `group:${name}`))];
}

function isNamespace(claim: unknown): claim is string {
  return typeof claim === 'string' && (claim === everyNamespace || isNamespaceId(claim));
}
