/** From a request's headers to its actor: open, by API key, or by token. */

import type { Clock } from '../../clock.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import { ok, type Result } from '../../errors.ts';
import type { Logger } from '../../observability/log.ts';
import type { Settings } from '../../settings/settings.ts';
import { type Actor, invalid, missing, type Refusal } from './actor.ts';
import { createKeyLookup } from './api-keys.ts';
import { createTokenCheck, type JwtSettings } from './jwt.ts';
import { createKeySet } from './key-set.ts';

export type AuthSettings = JwtSettings & Pick<Settings, 'open' | 'apiKeys' | 'jwtJwksUrl'>;

/** Header names in lower case, as node:http gives them. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Every caller in open mode. */
const anonymous: Actor = {
  ...{ name: 'anonymous', via: 'none' },
  grants: [{ role: 'owner', namespace: everyNamespace }],
};

/** Never rejects. */
export type Authenticator = (headers: Headers) => Promise<Result<Actor, Refusal>>;

export type Auth = {
  authenticate: Authenticator;
  /** Replaces keys and secrets. A key set that was fetched stays. */
  replace(settings: AuthSettings): void;
};

/**
 * Makes the function that finds the actor of a request. `Authorization: Bearer` holds a key or, in three parts and
 * where tokens are configured, a token; without it `X-Api-Key` counts. Where no auth is configured every caller is the
 * owner `anonymous`.
 */
export function createAuth(settings: AuthSettings, clock: Clock, log: Pick<Logger, 'warn' | 'info'>): Auth {
  if (settings.open) return { authenticate: async () => ok(anonymous), replace() {} };
  const keySet =
    settings.jwtJwksUrl === null
      ? null
      : createKeySet({
          url: settings.jwtJwksUrl,
          clock,
          onFailed: (err, hasKeys) =>
            log.warn(
              { err },
              `the key set of tokens cannot be fetched${hasKeys ? ': the keys fetched before stay in use' : ''}`,
            ),
          onRecovered: () => log.info('the key set of tokens can be fetched again'),
        });
  const partsOf = (current: AuthSettings) => ({
    actorOfKey: createKeyLookup(current.apiKeys),
    checkToken: createTokenCheck(current, keySet, clock),
  });
  let parts = partsOf(settings);

  return {
    replace(latest) {
      parts = partsOf(latest);
    },
    async authenticate({ authorization, 'x-api-key': apiKey }) {
      const { actorOfKey, checkToken } = parts;
      const bearer = typeof authorization === 'string' ? /^Bearer +(\S+) *$/i.exec(authorization)?.[1] : undefined;
      if (bearer !== undefined && checkToken !== null && bearer.split('.').length === 3) return checkToken(bearer);
      const key = bearer ?? apiKey;
      if (key === undefined || key === '') return { ok: false, errors: missing() };
      const actor = typeof key === 'string' ? actorOfKey(key) : null;
      return actor === null ? { ok: false, errors: invalid('the API key is not valid') } : ok(actor);
    },
  };
}
