/** An issuer whose every answer the test makes. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { atFileEnd } from '../../../services/file-end.ts';

export type TokenAnswer = (response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

export async function startHandMadeIssuer() {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const { privateKey: foreignKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), alg: 'RS256', use: 'sig', kid: 'one' };
  let nonce = '';
  let discoveries = 0;
  let discovery: Record<string, unknown> = {};
  let answerToken: TokenAnswer = (response) => void response.end();
  const json = (response: ServerResponse, body: unknown, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', issuer);
    if (pathname === '/.well-known/openid-configuration') {
      discoveries++;
      json(response, { ...metadata(), ...discovery });
    } else if (pathname === '/jwks') json(response, { keys: [jwk] });
    else if (pathname === '/token') void answerToken(response, request);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atFileEnd(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const metadata = () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'none', 'HS256'],
  });

  /** An ID token as it should be, but for `change`. A claim that is null is left out. */
  function idToken(change: Record<string, unknown> = {}, signedWith: 'own' | 'foreign' | 'secret' | 'nobody' = 'own') {
    const now = Math.floor(Date.now() / 1_000);
    const right = {
      iss: issuer,
      aud: 'punctual',
      sub: 'ann',
      email: 'ann@example.org',
      nonce,
      iat: now,
      exp: now + 60,
    };
    const claims = Object.fromEntries(Object.entries({ ...right, ...change }).filter(([, value]) => value !== null));
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    if (signedWith === 'nobody') return `${encode({ alg: 'none' })}.${encode(claims)}.`;
    const token = new SignJWT(claims as JWTPayload);
    return signedWith === 'secret'
      ? token.setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from('the-secret'))
      : token.setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(signedWith === 'own' ? privateKey : foreignKey);
  }

  return {
    ...{ issuer, clientId: 'punctual', clientSecret: 'the-secret' },
    idToken,
    json,
    /** What the token endpoint does from now on. */
    onToken(answer: TokenAnswer) {
      answerToken = answer;
    },
    /** How often it was asked what it says about itself. */
    discoveries: () => discoveries,
    /** Changes what the issuer says about itself. */
    discoveryIs(change: Record<string, unknown>) {
      discovery = change;
    },
    /** The issuer's page: where it sends the browser back to, with a code. */
    sendBack(page: string): URL {
      const { searchParams } = new URL(page);
      nonce = searchParams.get('nonce') ?? '';
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      back.search = `${new URLSearchParams({ code: 'a-code', state: searchParams.get('state') ?? '' })}`;
      return back;
    },
  };
}

export type HandMadeIssuer = Awaited<ReturnType<typeof startHandMadeIssuer>>;
