/** A real OpenID provider on loopback, whose people sign in without being asked. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import { atFileEnd } from '../file-end.ts';

/** Claims of a person; `sub` is made of the name. */
export type PersonClaims = { email?: string; email_verified?: boolean; groups?: string[]; [claim: string]: unknown };

export type OpenIdProvider = {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Whoever signs in from now on is this person. */
  nextPerson(name: string): void;
  /** Changes the claims of a person, which the provider gives from now on. */
  setClaims(name: string, claims: PersonClaims): void;
  /** Refuses all refresh tokens that it gave. */
  revokeAll(): void;
  /** Calls of the token endpoint so far. */
  tokenCalls(): number;
  /** Ends it; `start` begins it again at the same address. */
  stop(): Promise<void>;
  start(): Promise<void>;
};

export type ProviderOptions = {
  redirectUri: string;
  /** How the client shows its secret; `none` for a public client. */
  clientAuth?: 'client_secret_basic' | 'client_secret_post' | 'none';
  /** Whether the claims stand in the ID token, or only in the answer about the person. */
  claimsInIdToken?: boolean;
};

const clientId = 'punctual';
const clientSecret = 'the-secret-of-the-client-of-the-tests';

export async function startProvider(options: ProviderOptions): Promise<OpenIdProvider> {
  const { redirectUri, clientAuth = 'client_secret_basic', claimsInIdToken = true } = options;
  const people = new Map<string, PersonClaims>();
  let person = '';
  let generation = 0;
  let tokenCalls = 0;
  let handle: ReturnType<Provider['callback']> | null = null;
  let server: Server = createServer();

  async function listen(port: number): Promise<number> {
    server = createServer((request, response) => {
      if (request.url?.startsWith('/token')) tokenCalls++;
      void handle?.(request, response);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }
  const port = await listen(0);
  const issuer = `http://127.0.0.1:${port}`;
  const configuration: Configuration = {
    clients: [
      {
        client_id: clientId,
        ...(clientAuth !== 'none' && { client_secret: clientSecret }),
        token_endpoint_auth_method: clientAuth,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
    scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
      profile: ['preferred_username'],
    },
    conformIdTokenClaims: !claimsInIdToken,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    issueRefreshToken: async (_context, client, code) =>
      client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    rotateRefreshToken: true,
    async findAccount(_context, id) {
      const name = id.replace(/ \d+$/, '');
      // A refresh token of an earlier generation belongs to nobody.
      if (Number(id.slice(name.length + 1)) !== generation) return undefined;
      return { accountId: id, claims: async () => ({ ...people.get(name), sub: id }) };
    },
    async loadExistingGrant(context) {
      const { client, session, params } = context.oidc;
      const grant = new context.oidc.provider.Grant({
        clientId: client?.clientId ?? '',
        accountId: session?.accountId ?? '',
      });
      grant.addOIDCScope(String(params?.scope ?? ''));
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, RefreshToken: 86_400, Session: 600 },
    cookies: { keys: ['of the tests'] },
    jwks: { keys: [await signingKey()] },
  };
  const provider = new Provider(issuer, configuration);
  const callback = provider.callback();
  handle = async (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return callback(request, response);
    const { prompt } = await provider.interactionDetails(request, response);
    const result = prompt.name === 'login' ? { login: { accountId: `${person} ${generation}` } } : { consent: {} };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  };
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  atFileEnd(async () => {
    if (server.listening) await stop();
  });
  return {
    ...{ issuer, clientId, clientSecret },
    nextPerson(name) {
      person = name;
    },
    setClaims(name, claims) {
      people.set(name, claims);
    },
    revokeAll() {
      generation++;
    },
    tokenCalls: () => tokenCalls,
    stop,
    async start() {
      await listen(port);
    },
  };
}

async function signingKey() {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'of-the-tests' };
}
