/**
 * From a request's headers to its actor: open, by API key, by token, or by session. The keys of the settings come first,
 * because they need no database.
 */

import type { Clock } from '../../clock.ts';
import type { Grant } from '../../domain/access/grants.ts';
import { hashOfKey, hasKeyForm } from '../../domain/access/key-text.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import { ok, type Result } from '../../errors.ts';
import type { Logger } from '../../observability/log.ts';
import type { Settings } from '../../settings/settings.ts';
import { failureOf } from '../../usecases/failure.ts';
import { type Actor, invalid, missing, type Refusal, storeUnavailable } from './actor.ts';
import { createKeyLookup } from './api-keys.ts';
import type { Directory } from './directory.ts';
import { createTokenCheck, type JwtSettings } from './jwt.ts';
import { createKeySet } from './key-set.ts';
import type { Sessions } from './sessions.ts';

export type AuthSettings = JwtSettings & Pick<Settings, 'open' | 'apiKeys' | 'jwtJwksUrl'>;

/** Header names in lower case, as node:http gives them. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Every caller in open mode. */
const anonymous: Actor = {
  ...{ name: 'anonymous', via: 'none' },
  grants: [{ role: 'owner', namespace: everyNamespace }],
};

/** Rejects only with an error that nobody expects. */
export type Authenticator = (headers: Headers) => Promise<Result<Actor, Refusal>>;

export type AuthOptions = {
  /** The settings in use now: another object once they were read again. A key set that was fetched stays. */
  settings: () => AuthSettings;
  /** The keys and bindings of the database. */
  directory: Directory;
  sessions: Pick<Sessions, 'idOf' | 'actorOf'>;
  /** Whether the database has been reached since the start. Until then nobody asks it. */
  started: () => boolean;
  /** Called with the id of a key of the database each time that it lets a request in. */
  onKeyUsed: (id: string) => void;
  /** Epoch milliseconds by the database's clock: keys expire by it. */
  now: () => number;
  clock: Clock;
  log: Pick<Logger, 'warn' | 'info'>;
};

/**
 * Makes the function that finds the actor of a request. `Authorization: Bearer` holds a key or, in three parts and
 * where tokens are configured, a token; without it `X-Api-Key` counts, and without both the cookie of a session: so the
 * cookies of a browser change nothing for programs that send a key. Where no auth is configured every caller is the
 * owner `anonymous`.
 */
export function createAuth(options: AuthOptions): Authenticator {
  const { settings, directory, sessions, started, onKeyUsed, now, clock, log } = options;
  if (settings().open) return async () => ok(anonymous);
  const { jwtJwksUrl } = settings();
  const keySet =
    jwtJwksUrl === null
      ? null
      : createKeySet({
          url: jwtJwksUrl,
          clock,
          onFailed: (err, hasKeys) =>
            log.warn(
              { err },
              `the key set of tokens cannot be fetched${hasKeys ? ': the keys fetched before stay in use' : ''}`,
            ),
          onRecovered: () => log.info('the key set of tokens can be fetched again'),
        });
  const partsOf = (from: AuthSettings) => ({
    from,
    actorOfKey: createKeyLookup(from.apiKeys),
    checkToken: createTokenCheck(from, keySet, grantsOf, clock),
  });
  let parts = partsOf(settings());

  function grantsOf(subjects: readonly string[]): Promise<Result<Grant[], Refusal>> {
    return asking(async () => ok(await directory.grantsOf(subjects)));
  }

  function latest() {
    const from = settings();
    if (from !== parts.from) parts = partsOf(from);
    return parts;
  }

  async function actorOfStoredKey(key: string): Promise<Result<Actor, Refusal>> {
    const found = await directory.keyOf(hashOfKey(key));
    if (found === null) return { ok: false, errors: wrongKey() };
    const { id, name, role, namespace, expiresAt } = found;
    if (expiresAt !== null && now() >= expiresAt) return { ok: false, errors: invalid('the API key has expired') };
    onKeyUsed(id);
    return ok({ name: `key:${name}`, via: 'key', grants: [{ role, namespace }] });
  }

  /** `work` asks the database; while that is away the caller is refused until it is back. */
  async function asking<T>(work: () => Promise<Result<T, Refusal>>): Promise<Result<T, Refusal>> {
    if (!started()) return { ok: false, errors: storeUnavailable() };
    try {
      return await work();
    } catch (error) {
      if (failureOf(error) === null) throw error;
      return { ok: false, errors: storeUnavailable() };
    }
  }

  return async ({ authorization, 'x-api-key': apiKey, cookie }) => {
    const { actorOfKey, checkToken } = latest();
    const bearer = typeof authorization === 'string' ? /^Bearer +(\S+) *$/i.exec(authorization)?.[1] : undefined;
    if (bearer !== undefined && checkToken !== null && bearer.split('.').length === 3) return checkToken(bearer);
    const key = bearer ?? apiKey;
    if (key === undefined || key === '') {
      const id = sessions.idOf(typeof cookie === 'string' ? cookie : undefined);
      return id === null ? { ok: false, errors: missing() } : asking(() => sessions.actorOf(id));
    }
    if (typeof key !== 'string') return { ok: false, errors: wrongKey() };
    const actor = actorOfKey(key);
    if (actor !== null) return ok(actor);
    return hasKeyForm(key) ? asking(() => actorOfStoredKey(key)) : { ok: false, errors: wrongKey() };
  };
}

const wrongKey = () => invalid('the API key is not valid');
