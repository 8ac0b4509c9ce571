import { expect, test } from 'vitest';
import { hashOfId } from '../../../../src/domain/access/session.ts';
import { createSessions } from '../../../../src/http/auth/sessions.ts';
import type { FoundSession } from '../../../../src/store/access/sessions.ts';
import { createClock } from '../../../clock.ts';

const hours = 3_600_000;
const start = 1_800_000_000_000;
const ofAnn: FoundSession = {
  ...{ subject: 'user:ann', groups: ['ops'], keyHash: null, groupsAt: null },
  ...{ usedAt: start, endsAt: start + 7 * 24 * hours },
  grants: [{ role: 'reader', namespace: 'billing' }],
};
const keyOfSettings = { name: 'ci', role: 'admin', namespace: null, sha256: 'the-hash' } as const;

function sessionsWith(found: FoundSession | null, at = start) {
  const clock = createClock();
  const calls: string[] = [];
  const note = (what: string) => async (hash: string) => void calls.push(`${what} ${hash === hashOfId('the-id')}`);
  const sessions = createSessions({
    idOf: () => null,
    async find(hashes) {
      calls.push('find');
      return new Map(found === null ? [] : hashes.map((hash) => [hash, found]));
    },
    inBackground: { noteUse: note('noteUse'), end: note('end'), readGroups: note('readGroups') },
    apiKeys: () => [keyOfSettings],
    now: () => at + clock.monotonic(),
    monotonic: clock.monotonic,
  });
  return { sessions, calls, clock };
}
const ended = { ok: false, errors: expect.objectContaining({ status: 401, detail: 'the session has ended' }) };

test('a session acts as its person, and is read once a second', async () => {
  const { sessions, calls, clock } = sessionsWith(ofAnn);
  const actor = { name: 'user:ann', via: 'session', grants: ofAnn.grants };
  for (let count = 0; count < 3; count++) expect(await sessions.actorOf('the-id')).toEqual({ ok: true, value: actor });
  expect(calls).toEqual(['find']);
  await clock.advance(1_000);
  await sessions.actorOf('the-id');
  expect(calls).toEqual(['find', 'find']);
  sessions.forget();
  await sessions.actorOf('the-id');
  expect(calls).toEqual(['find', 'find', 'find']);
});

test('an unknown session has ended', async () => {
  expect(await sessionsWith(null).sessions.actorOf('the-id')).toEqual(ended);
});

test('a session ends after twelve hours without use, and after seven days', async () => {
  const at = (ms: number, more: Partial<FoundSession> = {}) =>
    sessionsWith({ ...ofAnn, ...more }, start + ms).sessions.actorOf('the-id');
  expect((await at(12 * hours - 1)).ok).toBe(true);
  expect(await at(12 * hours)).toEqual(ended);
  expect((await at(7 * 24 * hours - 1, { usedAt: start + 7 * 24 * hours - 2 })).ok).toBe(true);
  expect(await at(7 * 24 * hours, { usedAt: start + 7 * 24 * hours })).toEqual(ended);
});

test('its use is written down once a minute', async () => {
  const early = sessionsWith(ofAnn, start + 59_999);
  await early.sessions.actorOf('the-id');
  expect(early.calls).toEqual(['find']);
  const late = sessionsWith(ofAnn, start + 60_000);
  await late.sessions.actorOf('the-id');
  expect(late.calls).toEqual(['find', 'noteUse true']);
});

test('a person without any role has no session left', async () => {
  const { sessions, calls } = sessionsWith({ ...ofAnn, grants: [] });
  expect(await sessions.actorOf('the-id')).toEqual(ended);
  expect(calls).toEqual(['find', 'end true']);
});

test('a session of a key of the settings has its role as long as the settings have the key', async () => {
  const ofKey = { ...ofAnn, subject: 'key:ci', keyHash: 'the-hash', grants: [] };
  expect(await sessionsWith(ofKey).sessions.actorOf('the-id')).toEqual({
    ok: true,
    value: { name: 'key:ci', via: 'session', grants: [{ role: 'owner', namespace: '*' }] },
  });
  const { sessions, calls } = sessionsWith({ ...ofKey, keyHash: 'of-no-key' });
  expect(await sessions.actorOf('the-id')).toEqual(ended);
  // Another replica may still have settings with the key.
  expect(calls).toEqual(['find']);
});

test('groups are read anew after a quarter of an hour, off the path of the request', async () => {
  const at = async (ms: number) => {
    const { sessions, calls } = sessionsWith({ ...ofAnn, groupsAt: start, usedAt: start + ms }, start + ms);
    expect((await sessions.actorOf('the-id')).ok).toBe(true);
    return calls;
  };
  expect(await at(15 * 60_000)).toEqual(['find']);
  expect(await at(15 * 60_000 + 1)).toEqual(['find', 'readGroups true']);
});
