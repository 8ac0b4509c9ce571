import { expect, test } from 'vitest';
import { redactDefinition } from '../../../../../src/domain/task/credentials.ts';
import { redactCall } from '../../../../../src/executors/http/target/credentials.ts';
import { httpTargets } from '../../../../http-targets.ts';

const masked = (headers: Record<string, string>) => redactCall({ headers }).headers;

test.each([
  ['authorization', 'x'],
  ['cookie', 'x'],
  ['set-cookie2', 'x'],
  ['proxy-authorization', 'x'],
  ['proxy-anything', 'x'],
  ['x-api-key', 'x'],
  ['apikey', 'x'],
  ['ocp-apim-subscription-key', 'x'],
  ['private-token', 'x'],
  ['x-amz-security-token', 'x'],
  ['x-csrftoken', 'x'],
  ['client_secret', 'x'],
  ['x-db-password', 'x'],
  ['x-passwd', 'x'],
  ['x-hub-signature-256', 'x'],
  ['x-auth', 'x'],
  ['x-jwt-assertion', 'x'],
  ['x-bearer', 'x'],
  ['smtp-pass', 'x'],
  ['x-forwarded', 'Bearer abc'],
  ['x-forwarded', 'basic YTpi'],
  ['x-anything', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ['x-anything', 'eyJhbGciOiJIUzI1NiJ9.e30.x'],
  ['authorization', ''],
])('%s: %s is a credential', (name, value) => {
  expect(masked({ [name]: value })).toEqual({ [name]: '••••••' });
});

test.each([
  ['content-type', 'application/json'],
  ['x-tenant', 'a'],
  ['x-author', 'ann'],
  ['user-agent', 'basic'],
  ['accept', '*/*'],
  ['x-design', 'a'],
])('%s: %s is none', (name, value) => {
  expect(masked({ [name]: value })).toEqual({ [name]: value });
});

test.each([
  ['http://user:secret@proxy:3128', 'http://user:••••••@proxy:3128'],
  ['http://secret@proxy', 'http://••••••@proxy'],
  // Older versions stored these.
  ['http:///user:secret@proxy:3128', 'http:///user:••••••@proxy:3128'],
  ['http:////secret@proxy', 'http:////••••••@proxy'],
])('the proxy %s is shown as %s', (proxy, shown) => {
  expect(redactCall({ headers: {}, proxy }).proxy).toBe(shown);
});

test('a definition is not changed by being masked', () => {
  const definition = {
    target: { type: 'http', headers: { authorization: 'a' }, tls: { ca: 'c', key: 'k' } },
    fallback: null,
    hooks: { onSuccess: { headers: { cookie: 'b' } }, onFailure: null },
    signing: { secret: 's' },
  };
  const before = structuredClone(definition);
  expect(redactDefinition(definition, httpTargets)).toEqual({
    target: { type: 'http', headers: { authorization: '••••••' }, tls: { ca: 'c', key: '••••••' } },
    fallback: null,
    hooks: { onSuccess: { headers: { cookie: '••••••' } }, onFailure: null },
    signing: { secret: '••••••' },
  });
  expect(definition).toEqual(before);
});
