/** Checks JSON Web Tokens and reads the actor from them (RFC 8725: algorithms and keys are ours, never the token's). */

import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { Clock } from '../../clock.ts';
import { everyNamespace, isNamespaceId } from '../../domain/access/namespace.ts';
import { roles } from '../../domain/access/role.ts';
import { ok, type Result } from '../../errors.ts';
import type { Settings } from '../../settings/settings.ts';
import { type Actor, grantOf, invalid, isPlainName, keysUnavailable, noRole, type Refusal } from './actor.ts';
import { type KeySet, KeysUnavailable } from './key-set.ts';

export type JwtSettings = Pick<Settings, 'jwtSecret' | 'jwtIssuer' | 'jwtAudience'>;

/** Never rejects. */
export type TokenCheck = (token: string) => Promise<Result<Actor, Refusal>>;

const keySetAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const clockToleranceSeconds = 5;
/** The name of a token without `sub`. No `sub` can make it, because none may begin with a blank. */
const nameless = 'jwt: (no sub)';

/** The checker of tokens, or null where neither a secret nor a key set is configured. */
export function createTokenCheck(settings: JwtSettings, keySet: KeySet | null, clock: Clock): TokenCheck | null {
  const { jwtSecret } = settings;
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

function actorOf({ sub, role, namespace = null }: JWTPayload): Result<Actor, Refusal> {
  if (sub !== undefined && (typeof sub !== 'string' || !isPlainName(sub)))
    return { ok: false, errors: invalid('the claim sub of the token is not accepted') };
  const known = roles.find((each) => each === role);
  if (known === undefined) return { ok: false, errors: noRole() };
  if (namespace !== null && !isNamespace(namespace))
    return { ok: false, errors: invalid('the claim namespace of the token is not accepted') };
  if (known === 'owner' && namespace !== null && namespace !== everyNamespace)
    return { ok: false, errors: invalid('the role owner of the token holds in all namespaces only') };
  return ok({ name: sub === undefined ? nameless : `jwt:${sub}`, via: 'jwt', grants: [grantOf(known, namespace)] });
}

function isNamespace(claim: unknown): claim is string {
  return typeof claim === 'string' && (claim === everyNamespace || isNamespaceId(claim));
}
