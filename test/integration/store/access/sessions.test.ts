import { beforeAll, expect, test } from 'vitest';
import {
  endAllSessions,
  findSessions,
  forgetSessions,
  insertSession,
  type NewSession,
  noteUse,
  takeGroups,
  useState,
  writeGroups,
} from '../../../../src/store/access/sessions.ts';
import { openStore, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const hours = 3_600_000;
const insert = (hash: string, more: Partial<NewSession> = {}) =>
  insertSession(store.db, {
    ...{ hash, subject: 'user:ann', groups: ['ops'], keyHash: null, at: t0, endsAt: t0 + 168 * hours },
    ...{ refreshToken: null, ...more },
  });
const find = async (hash: string, now = t0) => (await findSessions(store.db, [hash], now)).get(hash) ?? null;

test('a session is found with the grants of its person and groups, in one statement', async () => {
  await store.db.query(`
    insert into bindings (id, subject, role, namespace, created_at, created_by)
    select gen_random_uuid(), subject, role, namespace, now(), 'test' from (values
      ('user:ann', 'reader', 'a'), ('group:ops', 'admin', 'b'), ('group:dev', 'owner', '*'), ('user:ops', 'owner', '*'),
      ('key:ci', 'owner', '*')) given (subject, role, namespace)`);
  await insert('of-ann');
  expect(await find('of-ann')).toEqual({
    ...{ subject: 'user:ann', groups: ['ops'], keyHash: null, usedAt: t0, endsAt: t0 + 168 * hours, groupsAt: null },
    grants: expect.arrayContaining([
      { role: 'reader', namespace: 'a' },
      { role: 'admin', namespace: 'b' },
    ]),
  });
  expect((await find('of-ann'))?.grants).toHaveLength(2);
  expect(await find('of-nobody')).toBeNull();
});

test('a session of a key has the grant of the key until that expires, and no binding', async () => {
  await store.db.query(
    `insert into keys (id, name, role, namespace, hash, created_at, created_by, expires_at)
     values (gen_random_uuid(), 'ci', 'operator', 'a', 'hash-of-ci', now(), 'test', $1)`,
    [new Date(t0 + hours).toISOString()],
  );
  await insert('of-ci', { subject: 'key:ci', groups: [], keyHash: 'hash-of-ci' });
  expect((await find('of-ci', t0 + hours - 1))?.grants).toEqual([{ role: 'operator', namespace: 'a' }]);
  expect((await find('of-ci', t0 + hours))?.grants).toEqual([]);
});

test('all sessions of a key end, and not those of another key with its name', async () => {
  for (const [hash, keyHash] of [
    ['one', 'x'],
    ['two', 'x'],
    ['three', 'y'],
  ] as const)
    await insert(hash, { subject: 'key:same', keyHash });
  await endAllSessions(store.db, { subject: 'key:same', keyHash: 'x' });
  expect([await find('one'), await find('two'), (await find('three'))?.subject]).toEqual([null, null, 'key:same']);
});

test('the groups of a session are taken on once, and the old refresh token stays without a new one', async () => {
  await insert('renewed', { refreshToken: 'sealed' });
  const take = () => takeGroups(store.db, 'renewed', { staleBefore: t0 + 1, triedAt: t0 + 1 });
  const taken = await Promise.all([take(), take(), take()]);
  expect(taken.filter((each) => each !== null)).toEqual([{ subject: 'user:ann', refreshToken: 'sealed' }]);
  await writeGroups(store.db, 'renewed', { groups: ['new'], refreshToken: null, at: t0 + 5 });
  expect(await find('renewed')).toMatchObject({ groups: ['new'], groupsAt: t0 + 5 });
  await writeGroups(store.db, 'renewed', { groups: null, refreshToken: 'other', at: t0 + 6 });
  expect(await takeGroups(store.db, 'renewed', { staleBefore: t0 + 7, triedAt: t0 + 7 })).toMatchObject({
    refreshToken: 'other',
  });
  expect(await find('renewed')).toMatchObject({ groups: ['new'], groupsAt: t0 + 7 });
});

test('a state is used up once, however many ask', async () => {
  const used = await Promise.all([1, 2, 3].map(() => useState(store.db, 'a-state', t0 + 1_000)));
  expect(used.sort()).toEqual([false, false, true]);
});

test('sessions that are over are deleted, and states that are too old', async () => {
  await insert('used');
  await noteUse(store.db, 'used', t0 + 20 * hours);
  await noteUse(store.db, 'used', t0 + hours);
  await insert('idle');
  await insert('short', { at: t0 + 20 * hours, endsAt: t0 + 21 * hours });
  await forgetSessions(store.db, t0 + 21 * hours, t0 + 9 * hours);
  expect([await find('idle'), await find('short'), (await find('used'))?.usedAt]).toEqual([
    null,
    null,
    t0 + 20 * hours,
  ]);
  expect(await useState(store.db, 'a-state', t0)).toBe(true);
});
