/** Checks JSON Web Tokens and reads the actor from them (RFC 8725: algorithms and keys are ours, never the token's). */

import {
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import type { Clock } from '../clock.ts';
import { roles } from '../domain/role.ts';
import { ok, type Result } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { type Actor, invalid, keysUnavailable, noRole, type Refusal } from './actor.ts';

export type JwtSettings = Pick<Settings, 'jwtSecret' | 'jwtJwksUrl' | 'jwtIssuer' | 'jwtAudience'>;

/** Never rejects. */
export type TokenCheck = (token: string) => Promise<Result<Actor, Refusal>>;

const keySetAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const clockToleranceSeconds = 5;
/** A request waits no longer than this for the key set. */
const fetchTimeoutMs = 2_000;
/** An unknown `kid` fetches the key set again, but not more often than this. */
const refetchPauseMs = 30_000;

/** What checks tokens, or null where neither a secret nor a key set is configured. */
export function createTokenCheck(settings: JwtSettings, clock: Clock): TokenCheck | null {
  const { jwtSecret, jwtJwksUrl } = settings;
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

  if (jwtJwksUrl === null) return null;
  const keySet = createRemoteJWKSet(new URL(jwtJwksUrl), {
    timeoutDuration: fetchTimeoutMs,
    cooldownDuration: refetchPauseMs,
  });
  return async (token) => {
    let fetched = true;
    const getKey: JWTVerifyGetKey = (header, input) =>
      keySet(header, input).catch((error: unknown) => {
        fetched = isAboutToken(error);
        throw error;
      });
    try {
      const verified = await jwtVerify(token, getKey, { ...options, algorithms: keySetAlgorithms, currentDate: now() });
      return actorOf(verified.payload);
    } catch (error) {
      return { ok: false, errors: fetched ? invalid(whyInvalid(error)) : keysUnavailable() };
    }
  };
}

/** Whether a key was not found because of the token: all else is the fault of the key set or of the way to it. */
function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
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

function actorOf({ sub, role }: JWTPayload): Result<Actor, Refusal> {
  // The name is stored with every change: bounded, and without characters that a database or a log would trip over.
  if (sub !== undefined && (typeof sub !== 'string' || !/^[^\p{Cc}\p{Cs}]{1,256}$/u.test(sub)))
    return { ok: false, errors: invalid('the claim sub of the token is not accepted') };
  const known = roles.find((each) => each === role);
  if (known === undefined) return { ok: false, errors: noRole() };
  return ok({ name: sub ?? 'token without sub', role: known });
}
