/** The issuer that people sign in with: authorization code with PKCE, state and nonce, and refresh tokens. */

import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientError,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  calculatePKCECodeChallenge,
  clockTolerance,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  getJwksCache,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  refreshTokenGrant,
  setJwksCache,
  type TokenEndpointResponse,
  type TokenEndpointResponseHelpers,
} from 'openid-client';
import type { Clock } from '../../clock.ts';
import { ok, type Result } from '../../errors.ts';
import { faultOf, type IssuerFault, isWrongClient } from './issuer-faults.ts';
import { createIssuerFetch, isSafeUrl } from './issuer-fetch.ts';

/** The settings that name the issuer. `scopes` null: the usual ones. */
export type IssuerSettings = {
  issuer: string;
  clientId: string;
  clientSecret: string | null;
  scopes: string | null;
  /** Without these claims in the ID token, the issuer is asked for more about the person. */
  wantedClaims: readonly string[];
};

/** What is to be kept between the two halves of a sign-in, by the browser and nobody else. */
export type IssuerSecrets = { state: string; nonce: string; verifier: string };

export type Claims = Readonly<Record<string, unknown>>;

/** Who signed in. `complete` unless the issuer gave no claims this time, as some do at a refresh. */
export type SignedIn = { claims: Claims; complete: boolean; subject: string; refreshToken: string | null };

export type Issuer = {
  /** The page of the issuer to send a browser to. */
  begin(redirectUri: string): Promise<Result<{ url: string; secrets: IssuerSecrets }, IssuerFault>>;
  /** Ends a sign-in. `callback` is the redirect URI with the parameters that the browser brought. */
  finish(callback: URL, secrets: IssuerSecrets): Promise<Result<SignedIn, IssuerFault>>;
  /** The claims of `subject` (the claim `sub`) as they are now; `refused` where the issuer ended the sign-in. */
  refresh(refreshToken: string, subject: string): Promise<Result<SignedIn, IssuerFault>>;
};

export type IssuerOptions = {
  /** The settings in use now: another object once they were read again. */
  settings: () => IssuerSettings;
  isLoopback: (host: string) => boolean;
  monotonic: Clock['monotonic'];
};

const timeoutSeconds = 5;
/** As for other tokens. */
const toleranceSeconds = 5;
/**
 * Whoever begins to sign in is sent to an issuer that answered this long ago, so that a person does not land at one that
 * is away. All else goes on with what the issuer said about itself an hour ago.
 */
const presentMs = 1_000;
const freshMs = 3_600_000;
/** After a failure nobody asks for so long. */
const failurePauseMs = 1_000;
const usualScopes = 'openid profile email';

type Tokens = TokenEndpointResponse & TokenEndpointResponseHelpers;
type Known = { configuration: Configuration; from: IssuerSettings; at: number };
type Failure = { fault: IssuerFault; from: IssuerSettings; at: number };

/** Asks for nothing before the first sign-in. */
export function createIssuer({ settings, isLoopback, monotonic }: IssuerOptions): Issuer {
  const issuerFetch = createIssuerFetch(isLoopback);
  let known: Known | null = null;
  let failure: Failure | null = null;
  let pending: { from: IssuerSettings; answer: Promise<Result<Configuration, IssuerFault>> } | null = null;
  /** How the client shows its secret: the way that every issuer has to know first. */
  let inBody = false;

  /** Shows the secret of the client in the way that the issuer accepted last. */
  function clientAuth(secret: string | null): ClientAuth {
    if (secret === null) return None();
    const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
    return (server, client, body, headers) => (inBody ? post : basic)(server, client, body, headers);
  }

  async function discover(from: IssuerSettings): Promise<Result<Configuration, IssuerFault>> {
    try {
      const configuration = await discovery(
        new URL(from.issuer),
        from.clientId,
        { [clockTolerance]: toleranceSeconds },
        clientAuth(from.clientSecret),
        {
          [customFetch]: issuerFetch,
          timeout: timeoutSeconds,
          // Even where the token comes from the issuer itself, its signature is checked.
          execute: [
            enableNonRepudiationChecks,
            ...(new URL(from.issuer).protocol === 'https:' ? [] : [allowInsecureRequests]),
          ],
        },
      );
      const { authorization_endpoint: page, token_endpoint_auth_methods_supported: ways } =
        configuration.serverMetadata();
      if (page === undefined || !isSafeUrl(page, isLoopback)) throw new Error('the issuer names no page over https');
      // What the issuer accepted last is better than what it lists.
      if (known?.from !== from)
        inBody = ways?.includes('client_secret_post') === true && !ways.includes('client_secret_basic');
      const keys = known?.from === from ? getJwksCache(known.configuration) : undefined;
      if (keys !== undefined) setJwksCache(configuration, keys);
      known = { configuration, from, at: monotonic() };
      failure = null;
      return ok(configuration);
    } catch (error) {
      const fault: IssuerFault = { ...faultOf(error), kind: 'away', detail: 'the issuer cannot be reached right now' };
      failure = { fault, from, at: monotonic() };
      return { ok: false, errors: fault };
    }
  }

  /**
   * What the issuer says about itself: remembered, and asked for once by all who need it at the same time. What is older
   * than `mostAgeMs` serves on while the issuer is asked, unless it `mustAnswer`.
   */
  async function configurationOf(mostAgeMs: number, mustAnswer: boolean): Promise<Result<Configuration, IssuerFault>> {
    const from = settings();
    const own = known?.from === from ? known : null;
    if (own !== null && monotonic() - own.at < mostAgeMs) return ok(own.configuration);
    const fallback = mustAnswer ? null : own;
    if (failure?.from === from && monotonic() - failure.at < failurePauseMs)
      return fallback === null ? { ok: false, errors: failure.fault } : ok(fallback.configuration);
    if (pending?.from !== from)
      pending = {
        from,
        answer: discover(from).finally(() => {
          pending = null;
        }),
      };
    const { answer } = pending;
    return fallback === null ? answer : ok(fallback.configuration);
  }

  /** Does `work`; once more with the secret shown in the other way, where the issuer does not know the client. */
  async function asClient<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isWrongClient(error) || settings().clientSecret === null) throw error;
      inBody = !inBody;
      try {
        return await work();
      } catch (second) {
        if (isWrongClient(second)) inBody = !inBody;
        throw second;
      }
    }
  }

  async function signedInOf(configuration: Configuration, tokens: Tokens, subject?: string): Promise<SignedIn> {
    const claims = tokens.claims();
    const sub = claims?.sub ?? subject;
    if (sub === undefined || (subject !== undefined && sub !== subject))
      throw Object.assign(new ClientError('the issuer answered about another person'), { code: 'another_person' });
    const found: SignedIn = {
      ...{ claims: claims ?? {}, complete: claims !== undefined, subject: sub },
      refreshToken: tokens.refresh_token ?? null,
    };
    const lacks = settings().wantedClaims.some((name) => found.claims[name] === undefined);
    if (!lacks || configuration.serverMetadata().userinfo_endpoint === undefined) return found;
    const more = await fetchUserInfo(configuration, tokens.access_token, sub);
    return { ...found, claims: { ...more, ...found.claims }, complete: true };
  }

  async function asking<T>(
    work: (configuration: Configuration) => Promise<T>,
    asked = configurationOf(freshMs, false),
  ): Promise<Result<T, IssuerFault>> {
    const configuration = await asked;
    if (!configuration.ok) return configuration;
    try {
      return ok(await work(configuration.value));
    } catch (error) {
      return { ok: false, errors: faultOf(error) };
    }
  }

  return {
    begin: (redirectUri) =>
      asking(
        async (configuration) => {
          const secrets = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() };
          const offered = configuration.serverMetadata().scopes_supported;
          const scope =
            settings().scopes ?? (offered?.includes('groups') === true ? `${usualScopes} groups` : usualScopes);
          const url = buildAuthorizationUrl(configuration, {
            redirect_uri: redirectUri,
            scope,
            state: secrets.state,
            nonce: secrets.nonce,
            code_challenge: await calculatePKCECodeChallenge(secrets.verifier),
            code_challenge_method: 'S256',
            // OpenID Connect Core §11: without it the scope counts for nothing.
            ...(scope.split(' ').includes('offline_access') && { prompt: 'consent' }),
          });
          return { url: url.href, secrets };
        },
        configurationOf(presentMs, true),
      ),
    finish: (callback, { state, nonce, verifier }) =>
      asking(async (configuration) => {
        const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
        const tokens = await asClient(() => authorizationCodeGrant(configuration, callback, checks));
        return signedInOf(configuration, tokens);
      }),
    refresh: (refreshToken, subject) =>
      asking(async (configuration) => {
        const tokens = await asClient(() => refreshTokenGrant(configuration, refreshToken));
        return signedInOf(configuration, tokens, subject);
      }),
  };
}
