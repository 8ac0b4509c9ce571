import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hashOfKey, makeKeyText } from '../../../../src/domain/access/key-text.ts';
import { type AuthOptions, createAuth } from '../../../../src/http/auth/auth.ts';
import type { Directory } from '../../../../src/http/auth/directory.ts';
import { ConnectFailure } from '../../../../src/store/postgres/failure.ts';
import { createClock } from '../../../clock.ts';
import { silent } from '../../../silent-log.ts';

const ofSettings = 'a-key-of-the-settings';
const stored = makeKeyText((bytes) => bytes.fill(7));
const clock = createClock();
const settings: ReturnType<AuthOptions['settings']> = {
  open: false,
  apiKeys: [{ name: 'first', role: 'admin', sha256: hashOfKey(ofSettings), namespace: null }],
  ...{ jwtSecret: null, jwtJwksUrl: null, jwtIssuer: null, jwtAudience: null, oidcGroupsClaim: 'groups' },
};
type Found = Awaited<ReturnType<Directory['keyOf']>>;
const key: NonNullable<Found> = {
  ...{ id: '0193', name: 'ci', role: 'operator', namespace: 'billing', expiresAt: null },
};

function authWith(keyOf: Directory['keyOf'], more: Partial<AuthOptions> = {}) {
  const directory: Directory = { keyOf, grantsOf: async () => [], forget() {} };
  const sessions: AuthOptions['sessions'] = { idOf: () => null, actorOf: () => Promise.reject(new Error('none')) };
  const auth = createAuth({
    ...{ settings: () => settings, directory, sessions, started: () => true, now: clock.now, clock, log: silent },
    onKeyUsed() {},
    ...more,
  });
  return (text: string) => auth({ authorization: `Bearer ${text}` });
}
const invalid = { ok: false, errors: expect.objectContaining({ reason: 'invalid', status: 401 }) };
const unavailable = {
  ok: false,
  errors: expect.objectContaining({ reason: 'unavailable', status: 503, headers: { 'retry-after': '1' } }),
};

test('a new key has 256 random bits and is known by its SHA-256', () => {
  const asked: number[] = [];
  const text = makeKeyText((bytes) => {
    asked.push(bytes.length);
    bytes.fill(0xfb);
  });
  expect(asked).toEqual([32]);
  expect(text).toMatch(/^pk_[A-Za-z0-9_-]{43}$/);
  expect(Buffer.from(text.slice(3), 'base64url')).toEqual(Buffer.alloc(32, 0xfb));
  expect(hashOfKey(text)).toBe(createHash('sha256').update(text).digest('hex'));
});

describe('a key of the database', () => {
  test('has the role and the namespace that it was made with', async () => {
    const asked: string[] = [];
    const authenticate = authWith(async (hash) => {
      asked.push(hash);
      return key;
    });
    const grants = [{ role: 'operator', namespace: 'billing' }];
    expect(await authenticate(stored)).toEqual({ ok: true, value: { name: 'key:ci', via: 'key', grants } });
    expect(asked).toEqual([hashOfKey(stored)]);
  });

  test('that is not there is invalid', async () => {
    expect(await authWith(async () => null)(stored)).toEqual(invalid);
  });

  test('counts until the instant that it expires at', async () => {
    const authenticate = authWith(async () => ({ ...key, expiresAt: clock.now() + 1 }));
    expect(await authenticate(stored)).toMatchObject({ ok: true });
    const expired = authWith(async () => ({ ...key, expiresAt: clock.now() }));
    expect(await expired(stored)).toEqual(invalid);
  });

  test('is 503 while the database is away, and so before the start; keys of the settings go on', async () => {
    const away = authWith(async () => {
      throw new ConnectFailure('no answer');
    });
    expect(await away(stored)).toEqual(unavailable);
    expect(await away(ofSettings)).toMatchObject({ ok: true });
    const early = authWith(async () => key, { started: () => false });
    expect(await early(stored)).toEqual(unavailable);
    expect(await early(ofSettings)).toMatchObject({ ok: true });
  });

  test('is not looked for where a key of the settings matches, or where the text cannot be one', async () => {
    const authenticate = authWith(async () => {
      throw new Error('the database was asked');
    });
    expect(await authenticate(ofSettings)).toMatchObject({ ok: true });
    for (const text of ['wrong', 'pk_short', `${stored}x`, `xx_${stored.slice(3)}`])
      expect(await authenticate(text), text).toEqual(invalid);
    await expect(authenticate(stored)).rejects.toThrow('the database was asked');
  });
});
