/** The settings of sign-in with OpenID Connect, their readers, and the combinations that make no sense. */

import { ok } from '../errors.ts';
import { optional, secret, setting } from './definition.ts';
import { isLoopback, type Parse, text } from './values.ts';

const refuse = (error: string): { ok: false; errors: string[] } => ({ ok: false, errors: [error] });

/** A URL that is read, or null. Credentials, a query and a fragment are parts of none of them. */
function plainUrl(input: string): URL | null {
  if (!/^https?:\/\/[^\s?#@\\]+$/i.test(input) || !URL.canParse(input)) return null;
  return new URL(input);
}

/** Whether only this machine can answer for a URL. */
function isOnLoopback({ hostname }: URL): boolean {
  return isLoopback(hostname.replace(/[[\]]/g, ''));
}

/** An issuer of OpenID Connect, as it names itself: https, and http on loopback only. */
const issuerUrl: Parse<string> = (input) => {
  const url = plainUrl(input);
  if (url === null) return refuse('must be a URL such as https://accounts.example/realms/staff');
  return url.protocol === 'https:' || isOnLoopback(url)
    ? ok(input)
    : refuse('must be https, because whoever sits on the way to it could sign in as anybody');
};

/** Where browsers reach the service, without a slash at its end. */
const publicUrl: Parse<string> = (input) => {
  const url = plainUrl(input);
  return url === null
    ? refuse('must be a URL such as https://punctual.example, or one that ends in BASE_PATH')
    : ok(url.href.replace(/\/+$/, ''));
};

/** Scopes, separated by blanks. `openid` is one of them. */
const scopes: Parse<string> = (input) => {
  const names = input.split(/[\s,]+/).filter((name) => name !== '');
  if (!names.every((name) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name)))
    return refuse('must be a list of scopes, separated by blanks');
  return names.includes('openid') ? ok(names.join(' ')) : refuse('must hold the scope openid');
};

/** The name of a claim. */
const claim: Parse<string> = (input) =>
  /^[\x21-\x7e]{1,256}$/.test(input) ? ok(input) : refuse('must be the name of one claim');

export const signInSettings = {
  oidcIssuer: optional(
    'OIDC_ISSUER',
    'Issuer that people sign in with (OpenID Connect): https, or http on loopback. Its redirect URI is `PUBLIC_URL` with `/auth/callback`.',
    issuerUrl,
    null,
  ),
  oidcClientId: optional('OIDC_CLIENT_ID', 'The client that this service is to the issuer.', text, null),
  oidcClientSecret: secret('OIDC_CLIENT_SECRET', 'The secret of that client; absent for a public client.', text, null),
  oidcScopes: optional(
    'OIDC_SCOPES',
    'Scopes that are asked for. Absent: `openid profile email`, and `groups` where the issuer lists it. With `offline_access` many issuers give a refresh token, by which groups are read anew.',
    scopes,
    null,
  ),
  oidcGroupsClaim: setting(
    'OIDC_GROUPS_CLAIM',
    'groups',
    "The claim that lists a person's groups, in tokens too.",
    claim,
  ),
  oidcUserClaim: setting(
    'OIDC_USER_CLAIM',
    'email',
    'The claim that names a person in bindings, as `user:ann@example.org`. An `email` that is not verified is refused.',
    claim,
  ),
  publicUrl: optional(
    'PUBLIC_URL',
    'Where browsers reach this service, such as `https://punctual.example`; it ends in `BASE_PATH`. Needed with `OIDC_ISSUER`. With https, cookies are sent over TLS only.',
    publicUrl,
    null,
  ),
};

/** The faults of settings of sign-in that contradict each other or are not complete. */
export function signInContradictions(
  { publicUrl: url, basePath: base = '' }: { publicUrl?: string | null; basePath?: string },
  isSet: (name: string) => boolean,
): string[] {
  const faults: string[] = [];
  if (isSet('OIDC_ISSUER')) {
    if (!isSet('OIDC_CLIENT_ID')) faults.push('OIDC_ISSUER is set without OIDC_CLIENT_ID: the issuer gives it');
    if (!isSet('PUBLIC_URL'))
      faults.push('OIDC_ISSUER is set without PUBLIC_URL: the issuer has to know where to send browsers back to');
  } else {
    const hasTokens = isSet('JWT_SECRET') || isSet('JWT_JWKS_URL');
    for (const rest of ['CLIENT_ID', 'CLIENT_SECRET', 'SCOPES', 'GROUPS_CLAIM', 'USER_CLAIM'])
      if (isSet(`OIDC_${rest}`) && !(rest === 'GROUPS_CLAIM' && hasTokens))
        faults.push(`OIDC_${rest} is set without OIDC_ISSUER: nobody ever signs in with it`);
  }
  const path = url ? new URL(url).pathname.replace(/\/+$/, '') : base;
  if (path !== base && path !== '')
    faults.push(`PUBLIC_URL has the path ${path}, but BASE_PATH is ${base || '/'}: both name the same path`);
  return faults;
}

/** What is worth a warning about where browsers reach the service. */
export function publicUrlWarnings(url: string | null): string[] {
  if (url === null || url.startsWith('https:') || isOnLoopback(new URL(url))) return [];
  return ['PUBLIC_URL is not https: whoever sits on the way to it can read the cookies of sessions.'];
}
