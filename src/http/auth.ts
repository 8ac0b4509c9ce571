/** From a request's headers to its actor: open, by API key, or by token. */

import type { Clock } from '../clock.ts';
import { ok, type Result } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { type Actor, invalid, missing, type Refusal } from './actor.ts';
import { createKeyLookup } from './api-keys.ts';
import { createTokenCheck, type JwtSettings } from './jwt.ts';

export type AuthSettings = JwtSettings & Pick<Settings, 'open' | 'apiKeys'>;

/** Header names in lower case, as node:http gives them. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Never rejects. */
export type Authenticator = (headers: Headers) => Promise<Result<Actor, Refusal>>;

/**
 * Makes what tells requests' actors. `Authorization: Bearer` holds a key or, in three parts and where tokens are
 * configured, a token; without it `X-Api-Key` counts. Where no auth is configured everybody is the admin `anonymous`.
 */
export function createAuthenticator(settings: AuthSettings, clock: Clock): Authenticator {
  if (settings.open) return async () => ok({ name: 'anonymous', role: 'admin' });
  const actorOfKey = createKeyLookup(settings.apiKeys);
  const checkToken = createTokenCheck(settings, clock);

  return async ({ authorization, 'x-api-key': apiKey }) => {
    const bearer = typeof authorization === 'string' ? /^Bearer +(\S+) *$/i.exec(authorization)?.[1] : undefined;
    if (bearer !== undefined && checkToken !== null && bearer.split('.').length === 3) return checkToken(bearer);
    const key = bearer ?? apiKey;
    if (key === undefined || key === '') return { ok: false, errors: missing() };
    const actor = typeof key === 'string' ? actorOfKey(key) : null;
    return actor === null ? { ok: false, errors: invalid('the API key is not valid') } : ok(actor);
  };
}
