import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../poll.ts';
import { atFileEnd } from '../../../services/file-end.ts';
import { type Answer, createBrowser } from '../../../services/openid/browser.ts';
import type { Api } from '../client.ts';
import { type HandMadeIssuer, startHandMadeIssuer, type TokenAnswer } from './hand-made-issuer.ts';
import { startSignInApi } from './start.ts';

let issuer: HandMadeIssuer;
let api: Api;
let look: Omit<Awaited<ReturnType<typeof startSignInApi>>, 'api'>;
beforeAll(async () => {
  issuer = await startHandMadeIssuer();
  ({ api, ...look } = await startSignInApi(issuer));
  await look.bind('user:ann@example.org', 'reader');
});

/** A whole sign-in, at whose end the issuer does this. */
async function signIn(answer: TokenAnswer, back = (url: URL) => url): Promise<Answer> {
  issuer.onToken(answer);
  const browser = createBrowser();
  const begun = await browser.ask(`${api.url}/auth/login`);
  expect(begun.status, begun.body).toBe(302);
  const { pathname, search } = back(issuer.sendBack(begun.headers.get('location') ?? ''));
  const ended = await browser.ask(`${api.url}${pathname}${search}`);
  expect(browser.cookies(api.url).has('__Host-punctual')).toBe(ended.status === 302);
  return ended;
}

const tokens =
  (...token: Parameters<HandMadeIssuer['idToken']>): TokenAnswer =>
  async (response) =>
    issuer.json(response, {
      ...{ access_token: 'an-access-token', token_type: 'bearer', expires_in: 60 },
      id_token: await issuer.idToken(...token),
    });

test('an honest answer signs in: code with PKCE, state and nonce', async () => {
  const begun = await createBrowser().ask(`${api.url}/auth/login`);
  const page = new URL(begun.headers.get('location') ?? '');
  expect(Object.fromEntries(page.searchParams)).toEqual({
    ...{ client_id: 'punctual', response_type: 'code', scope: 'openid profile email' },
    redirect_uri: 'https://punctual.example/auth/callback',
    state: expect.stringMatching(/^[\w-]{43}$/),
    nonce: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
  });
  let sent = '';
  const answer = await signIn(async (response, request) => {
    for await (const chunk of request) sent += chunk;
    await tokens()(response, request);
  });
  expect([answer.status, answer.headers.get('location')]).toEqual([302, '/']);
  expect(Object.fromEntries(new URLSearchParams(sent))).toMatchObject({
    ...{ grant_type: 'authorization_code', code: 'a-code', redirect_uri: 'https://punctual.example/auth/callback' },
    code_verifier: expect.stringMatching(/^[\w-]{43}$/),
  });
});

test('an issuer that wants the secret of the client in the body gets it there, and the next time at once', async () => {
  const calls: string[] = [];
  const inBody: TokenAnswer = async (response, request) => {
    let sent = '';
    for await (const chunk of request) sent += chunk;
    const isBasic = request.headers.authorization !== undefined;
    calls.push(`${isBasic ? 'header' : 'body'} ${new URLSearchParams(sent).get('client_secret')}`);
    if (isBasic) issuer.json(response, { error: 'invalid_client' }, 401);
    else await tokens()(response, request);
  };
  expect((await signIn(inBody)).status).toBe(302);
  const before = issuer.discoveries();
  const askedAnew = async () => {
    await createBrowser().ask(`${api.url}/auth/login`);
    return issuer.discoveries() > before;
  };
  await poll(askedAnew, { what: 'the issuer to be asked anew about itself' });
  expect((await signIn(inBody)).status).toBe(302);
  expect(calls).toEqual(['header null', 'body the-secret', 'body the-secret']);
});

describe('an ID token is refused', () => {
  const past = Math.floor(Date.now() / 1_000) - 60;
  test.each<[string, Parameters<HandMadeIssuer['idToken']>]>([
    ['of another nonce', [{ nonce: 'another' }]],
    ['without a nonce', [{ nonce: null }]],
    ['of another issuer', [{ iss: 'https://evil.example' }]],
    ['for another audience', [{ aud: 'another' }]],
    ['for another audience beside ours', [{ aud: ['punctual', 'another'], azp: 'another' }]],
    ['that has expired', [{ exp: past, iat: past - 60 }]],
    ['that does not expire', [{ exp: null }]],
    ['without a subject', [{ sub: null }]],
    ['that nobody signed', [{}, 'nobody']],
    ['that somebody else signed', [{}, 'foreign']],
    ['that the secret of the client signed', [{}, 'secret']],
  ])('%s', async (_what, token) => {
    const answer = await signIn(tokens(...token));
    expect(answer.json()).toMatchObject({
      status: 400,
      code: 'malformed',
      detail: 'what the issuer answered is not accepted',
    });
    expect((await look.audit('sign_in_refused')).data.reason).toMatch(/\w/);
    expect(api.replica.output()).not.toContain('an-access-token');
  });
});

test.each([
  [
    'another state',
    (url: URL) => url.searchParams.set('state', `${url.searchParams.get('state')?.slice(0, 8)}${'x'.repeat(35)}`),
  ],
  ['a state twice', (url: URL) => url.searchParams.append('state', 'x')],
  ['no state', (url: URL) => url.searchParams.delete('state')],
  ['no code', (url: URL) => url.searchParams.delete('code')],
  ['another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
])('a callback with %s is a 400', async (_what, change) => {
  const answer = await signIn(tokens(), (url) => {
    change(url);
    return url;
  });
  expect(answer.status).toBe(400);
});

describe('the issuer counts as away, and is asked nothing more, when its token endpoint', () => {
  const cases: [string, TokenAnswer][] = [
    ['fails', (response) => issuer.json(response, { error: 'server_error' }, 500)],
    ['is unavailable', (response) => void response.writeHead(503).end('<html>')],
    ['answers with a page', (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    [
      'answers with half a JSON',
      (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"a'),
    ],
    ['answers with nothing', (response) => issuer.json(response, {})],
    ['answers with a list', (response) => issuer.json(response, [])],
    ['breaks the connection', (response) => void response.destroy()],
    ['does not know the client', (response) => issuer.json(response, { error: 'invalid_client' }, 401)],
    ['never answers', () => {}],
    [
      'never ends its answer',
      (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"access_token":"'),
    ],
    [
      'answers without end',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more);
        more();
      },
    ],
  ];
  test.each(cases)('%s', async (what, answer) => {
    const ended = await signIn(answer);
    expect(ended.json()).toMatchObject({ status: 503, code: 'unavailable' });
    expect(ended.headers.get('retry-after')).toBe('5');
    if (what === 'answers without end') expect(api.replica.output()).toContain('is larger than 524288 bytes');
  });

  test('sends to elsewhere, where nobody is asked', async () => {
    let asked = 0;
    const elsewhere = createServer((_request, response) => {
      asked++;
      response.end();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    atFileEnd(async () => void elsewhere.close());
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/token`;
    for (const status of [302, 307, 308])
      expect((await signIn((response) => void response.writeHead(status, { location }).end())).status).toBe(503);
    expect(asked).toBe(0);
  });
});

describe('an issuer is not believed that says about itself', () => {
  test.each([
    ['another name', { issuer: 'https://evil.example' }],
    ['a page without TLS', { authorization_endpoint: 'http://evil.example/authorize' }],
    ['a page that is a script', { authorization_endpoint: 'javascript:alert(1)' }],
  ])('%s', async (_what, change) => {
    issuer.discoveryIs(change);
    const login = () => createBrowser().ask(`${api.url}/auth/login`);
    await poll(async () => (await login()).status === 503, { what: 'a 503' });
    issuer.discoveryIs({});
    await poll(async () => (await login()).status === 302, { what: 'the issuer to be believed again' });
  });

  test('a token endpoint without TLS', async () => {
    issuer.discoveryIs({ token_endpoint: 'http://evil.example/token' });
    const browser = createBrowser();
    const statuses = await poll(
      async () => {
        const begun = await browser.ask(`${api.url}/auth/login`);
        const { pathname, search } = issuer.sendBack(begun.headers.get('location') ?? '');
        return (await browser.ask(`${api.url}${pathname}${search}`)).status === 503;
      },
      { what: 'a 503' },
    );
    issuer.discoveryIs({});
    expect(statuses).toBe(true);
  });
});
