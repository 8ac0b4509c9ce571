/** All that the routes of sign-in work with: the issuer, the cookies, the seals, and the names of claims. */

import type { Clock } from '../../clock.ts';
import { createSeal, type Seal } from '../../domain/access/seal.ts';
import { ok, type Result } from '../../errors.ts';
import type { Settings } from '../../settings/settings.ts';
import type { RefreshSecret, Renewed } from '../../usecases/sign-in/read-groups.ts';
import { type Cookies, createCookies } from './cookies.ts';
import { createIssuer, type Issuer, type IssuerSettings } from './issuer.ts';
import { type ClaimNames, personOf } from './person.ts';

/** Made of the secret of the cluster: all replicas have the same. */
export type Seals = { pending: Seal; refresh: Seal };

export type SignIn = {
  cookies: Cookies;
  /** Null where OIDC_ISSUER is not set. */
  oidc: { issuer: Issuer; redirectUri: string; claimNames: ClaimNames } | null;
  /** Null before the database has been reached. */
  seals: () => Seals | null;
  /** Asks the issuer who a person is now. */
  renew: (secret: RefreshSecret) => Promise<Result<Renewed, { kind: 'ended' | 'away'; reason: string }>>;
};

export type SignInSettings = Pick<
  Settings,
  | 'oidcIssuer'
  | 'oidcClientId'
  | 'oidcClientSecret'
  | 'oidcScopes'
  | 'oidcGroupsClaim'
  | 'oidcUserClaim'
  | 'publicUrl'
  | 'basePath'
>;

export type SignInOptions = {
  /** The settings in use now: another object once they were read again. */
  settings: () => SignInSettings;
  /** The secret that all replicas share; null before the database has been reached. */
  clusterSecret: () => string | null;
  isLoopback: (host: string) => boolean;
  random: (bytes: Uint8Array) => void;
  monotonic: Clock['monotonic'];
};

export function createSignIn({ settings, clusterSecret, isLoopback, random, monotonic }: SignInOptions): SignIn {
  const { publicUrl, basePath, oidcUserClaim, oidcGroupsClaim, oidcIssuer } = settings();
  const claimNames = { userClaim: oidcUserClaim, groupsClaim: oidcGroupsClaim };
  const issuerSettings = remembering(
    settings,
    (from): IssuerSettings => ({
      issuer: from.oidcIssuer ?? '',
      clientId: from.oidcClientId ?? '',
      clientSecret: from.oidcClientSecret,
      scopes: from.oidcScopes,
      wantedClaims: [from.oidcUserClaim, from.oidcGroupsClaim],
    }),
  );
  const oidc =
    oidcIssuer === null || publicUrl === null
      ? null
      : {
          issuer: createIssuer({ settings: issuerSettings, isLoopback, monotonic }),
          redirectUri: `${new URL(publicUrl).origin}${basePath}/auth/callback`,
          claimNames,
        };
  const seals = remembering(clusterSecret, (secret): Seals | null =>
    secret === null
      ? null
      : { pending: createSeal(secret, 'sign-in', random), refresh: createSeal(secret, 'refresh token', random) },
  );

  return {
    cookies: createCookies(publicUrl?.startsWith('https:') === true),
    oidc,
    seals,
    async renew({ token, subject }) {
      if (oidc === null) return { ok: false, errors: { kind: 'away', reason: 'no issuer is set' } };
      const answer = await oidc.issuer.refresh(token, subject);
      if (!answer.ok) {
        const { kind, reason } = answer.errors;
        return { ok: false, errors: { kind: kind === 'away' ? kind : 'ended', reason } };
      }
      const { claims, complete, refreshToken } = answer.value;
      if (!complete) return ok({ person: null, token: refreshToken });
      const person = personOf(claims, claimNames);
      return person.ok
        ? ok({ person: person.value, token: refreshToken })
        : { ok: false, errors: { kind: 'ended', reason: person.errors } };
    },
  };
}

/** `make` of the value that `read` gives, made again when that is another one. */
function remembering<From, Made>(read: () => From, make: (from: From) => Made): () => Made {
  let last: { from: From; made: Made } | null = null;
  return () => {
    const from = read();
    if (last === null || last.from !== from) last = { from, made: make(from) };
    return last.made;
  };
}
