import { expect, test } from 'vitest';
import { createBrowser } from '../../../services/openid/browser.ts';
import { startProvider } from '../../../services/openid/provider.ts';
import { publicUrl, startSignInApi } from './start.ts';

const redirectUri = `${publicUrl}/auth/callback`;

test.each([
  ['a client that sends its secret in the body', { clientAuth: 'client_secret_post' }],
  ['a public client', { clientAuth: 'none' }],
  ['an issuer that tells claims only when asked about the person', { claimsInIdToken: false }],
] as const)('%s works, with the usual scopes', { timeout: 90_000 }, async (_what, kind) => {
  const provider = await startProvider({ redirectUri, ...kind });
  const isPublic = 'clientAuth' in kind && kind.clientAuth === 'none';
  const { api, ...look } = await startSignInApi(isPublic ? { ...provider, clientSecret: '' } : provider);
  await look.bind('group:ops', 'reader');
  provider.setClaims('ann', { email: 'ann@example.org', email_verified: true, groups: ['ops'] });
  provider.nextPerson('ann');
  for (let count = 0; count < 2; count++) {
    const browser = createBrowser();
    const answer = await browser.signIn(api.url);
    expect(answer.status, answer.body).toBe(302);
    expect((await browser.ask(`${api.url}/tasks`)).status).toBe(200);
  }
});
