import { describe, expect, test } from 'vitest';
import { parseAddressRules } from '../../../src/executors/http/filter/address-rules.ts';
import { parseProxy } from '../../../src/executors/http/proxy-choice.ts';
import { parseSigningSecrets } from '../../../src/executors/http/signature.ts';
import { type Environment, readSettings } from '../../../src/settings/settings.ts';

const parsers = { addressRules: parseAddressRules, proxyUrl: parseProxy, signingSecrets: parseSigningSecrets };
const complete = {
  OIDC_ISSUER: 'https://issuer.example/realms/staff',
  OIDC_CLIENT_ID: 'punctual',
  PUBLIC_URL: 'https://punctual.example/',
};

const read = (env: Environment) => readSettings(env, () => 'the secret of the file\n', parsers);
const faultsOf = (env: Environment) => {
  const result = read(env);
  return result.ok ? [] : result.errors;
};
const settingsOf = (env: Environment) => {
  const result = read(env);
  if (!result.ok) throw new Error(result.errors.join('\n'));
  return result.value;
};

test('an issuer switches auth on, and has the usual claims', () => {
  expect(settingsOf(complete)).toMatchObject({
    open: false,
    warnings: [],
    oidcIssuer: 'https://issuer.example/realms/staff',
    oidcClientSecret: null,
    oidcScopes: null,
    oidcGroupsClaim: 'groups',
    oidcUserClaim: 'email',
    publicUrl: 'https://punctual.example',
  });
  expect(settingsOf({ ...complete, OIDC_CLIENT_SECRET_FILE: 'x' }).oidcClientSecret).toBe('the secret of the file');
});

test('PUBLIC_URL may stand alone, for the sessions of keys, and is warned about where it is not secret', () => {
  expect(settingsOf({ PUBLIC_URL: 'http://127.0.0.1:8080' }).open).toBe(true);
  expect(settingsOf({ ...complete, PUBLIC_URL: 'http://punctual.internal' }).warnings).toEqual([
    expect.stringContaining('PUBLIC_URL is not https'),
  ]);
});

test('PUBLIC_URL ends in the base path, or leaves it out', () => {
  const below = { ...complete, BASE_PATH: '/punctual' };
  expect(settingsOf(below).publicUrl).toBe('https://punctual.example');
  expect(settingsOf({ ...below, PUBLIC_URL: 'https://a.example/punctual/' }).publicUrl).toBe(
    'https://a.example/punctual',
  );
});

describe('what makes no sense stops the start', () => {
  test.each<[Environment, string]>([
    [{ ...complete, OIDC_CLIENT_ID: undefined }, 'OIDC_ISSUER is set without OIDC_CLIENT_ID'],
    [{ ...complete, PUBLIC_URL: '' }, 'OIDC_ISSUER is set without PUBLIC_URL'],
    [{ OIDC_CLIENT_ID: 'a' }, 'OIDC_CLIENT_ID is set without OIDC_ISSUER'],
    [{ OIDC_CLIENT_SECRET_FILE: 'a' }, 'OIDC_CLIENT_SECRET is set without OIDC_ISSUER'],
    [{ OIDC_USER_CLAIM: 'sub' }, 'OIDC_USER_CLAIM is set without OIDC_ISSUER'],
    [{ ...complete, AUTH: 'none' }, 'AUTH is set together with OIDC_ISSUER'],
    [{ ...complete, OIDC_ISSUER: 'http://issuer.example' }, 'OIDC_ISSUER must be https'],
    [{ ...complete, OIDC_ISSUER: 'https://a:b@issuer.example' }, 'OIDC_ISSUER must be a URL'],
    [{ ...complete, OIDC_ISSUER: 'https://issuer.example/?a=b' }, 'OIDC_ISSUER must be a URL'],
    [{ ...complete, OIDC_SCOPES: 'profile email' }, 'OIDC_SCOPES must hold the scope openid'],
    [{ ...complete, OIDC_SCOPES: 'openid "x"' }, 'OIDC_SCOPES must be a list of scopes'],
    [{ ...complete, OIDC_GROUPS_CLAIM: 'a b' }, 'OIDC_GROUPS_CLAIM must be the name of one claim'],
    [{ ...complete, PUBLIC_URL: 'punctual.example' }, 'PUBLIC_URL must be a URL'],
    [{ ...complete, PUBLIC_URL: 'https://a.example/x' }, 'PUBLIC_URL has the path /x, but BASE_PATH is /'],
  ])('%o', (env, expected) => {
    expect(faultsOf(env)).toEqual([expect.stringContaining(expected)]);
  });

  test.each(['http://127.0.0.1:9000', 'http://localhost', 'http://[::1]:9000/x'])('but %s is an issuer', (issuer) => {
    expect(settingsOf({ ...complete, OIDC_ISSUER: issuer }).oidcIssuer).toBe(issuer);
  });
});
