import { randomFillSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseKeyRing, wrappingKeyOf } from '../../../../src/domain/secrets/key-ring.ts';
import { openValue, rewrap, type SealedValue, sealValue } from '../../../../src/domain/secrets/sealing.ts';

const random = (bytes: Uint8Array) => void randomFillSync(bytes);
const keyOf = (fill: number) => wrappingKeyOf(Buffer.alloc(32, fill));
const [older, newer] = [keyOf(1), keyOf(2)];
const place = { namespace: 'billing', name: 'TOKEN', version: 3 };

function sealed(value = 'hunter2-and-more', ring = [older]): SealedValue {
  return sealValue(ring, place, value, random) as SealedValue;
}

test('a value opens where it was put, and nothing of it is in what is stored', () => {
  const stored = sealed('pässword "\n');
  expect(openValue([newer, older], place, stored)).toEqual({ ok: true, value: 'pässword "\n' });
  expect(stored.wrappedBy).toBe(older.id);
  expect(Buffer.concat([stored.value, stored.dataKey]).includes('ssword')).toBe(false);
});

test('the same value is never stored the same way twice', () => {
  const [one, other] = [sealed(), sealed()];
  expect(one.value.equals(other.value)).toBe(false);
  expect(one.dataKey.equals(other.dataKey)).toBe(false);
  // The same key wraps many data keys: with one nonce twice, GCM would give it away.
  const again = rewrap([older], place, one, random);
  const wrapped = [one.dataKey, other.dataKey, again.ok ? again.value.dataKey : one.dataKey];
  expect(new Set(wrapped.map((bytes) => bytes.toString('hex', 0, 12))).size).toBe(3);
});

test('a value is wrapped by the newest key', () => {
  expect(openValue([newer], place, sealed('hunter2-and-more', [newer, older]))).toMatchObject({ ok: true });
});

test.each([
  ['another namespace', { ...place, namespace: 'ops' }],
  ['another name', { ...place, name: 'TOKEN2' }],
  ['another version', { ...place, version: 4 }],
])('a value does not open in %s', (_, elsewhere) => {
  expect(openValue([older], elsewhere, sealed())).toMatchObject({ ok: false });
});

test('the parts of two values cannot be exchanged', () => {
  const [one, other] = [sealed('the first value'), sealed('the second value')];
  expect(openValue([older], place, { ...one, dataKey: other.dataKey })).toMatchObject({ ok: false });
  expect(openValue([older], place, { ...one, value: other.value })).toMatchObject({ ok: false });
});

test('a value with one changed bit does not open, wherever the bit is', () => {
  const stored = sealed('short');
  for (const member of ['value', 'dataKey'] as const)
    for (let at = 0; at < stored[member].length; at++) {
      const bytes = Buffer.from(stored[member]);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      expect(openValue([older], place, { ...stored, [member]: bytes })).toMatchObject({ ok: false });
    }
  expect(openValue([older], place, { ...stored, value: Buffer.alloc(5) })).toMatchObject({ ok: false });
});

test('a key that is not there is named', () => {
  expect(openValue([newer], place, sealed())).toEqual({
    ok: false,
    errors: `was encrypted with the key ${older.id}, which is not among SECRETS_KEYS here`,
  });
  expect(sealValue([], place, 'x', random)).toBeNull();
});

test('wrapped anew it opens by the newest key alone, with the same ciphertext', () => {
  const stored = sealed();
  const again = rewrap([newer, older], place, stored, random);
  expect(again).toMatchObject({ ok: true, value: { wrappedBy: newer.id } });
  const value = again.ok ? again.value : stored;
  expect(value.value).toBe(stored.value);
  expect(openValue([newer], place, value)).toEqual({ ok: true, value: 'hunter2-and-more' });
  expect(rewrap([newer, older], { ...place, version: 9 }, stored, random)).toMatchObject({ ok: false });
});

describe('keys of the settings', () => {
  const words = [1, 2].map((fill) => Buffer.alloc(32, fill).toString('base64'));

  test('are read newest first', () => {
    const read = parseKeyRing(`${words[1]}, ${words[0]}`);
    expect(read.ok && read.value.map(({ id }) => id)).toEqual([newer.id, older.id]);
  });

  test('are refused by their place, without a word of them', () => {
    const short = Buffer.alloc(31, 7).toString('base64');
    const unpadded = Buffer.alloc(32, 7).toString('base64url');
    const read = parseKeyRing(`${words[0]},${short},${words[0]},nonsense,${unpadded}`);
    expect(read).toEqual({
      ok: false,
      errors: [
        'key 2 must be 32 bytes in base64; `openssl rand -base64 32` makes one',
        'key 3 is given twice',
        'key 4 must be 32 bytes in base64; `openssl rand -base64 32` makes one',
        'key 5 must be 32 bytes in base64; `openssl rand -base64 32` makes one',
      ],
    });
    expect(parseKeyRing(' , ')).toMatchObject({ ok: false });
  });
});
