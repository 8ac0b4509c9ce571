import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  endReplicas,
  forgetDeadReplicas,
  giveUpLease,
  lastKnownTime,
  listReplicas,
  renewLease,
} from '../../../../src/store/cluster/replicas.ts';
import { openStore, type Store } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
beforeEach(() => store.db.query('truncate replicas, cluster'));

const state = {
  version: '1',
  tz: '2025c',
  host: 'here',
  pid: 1,
  running: 0,
  tasksLoaded: 0,
  firing: false,
  breakers: [],
};
const renew = async (id: string, ttlMs: number) => (await renewLease(store.db, { ...state, id }, ttlMs)).nowMs;
const databaseNow = async () => {
  const { rows } = await store.db.query<{ now: number }>(
    'select extract(epoch from clock_timestamp())::float8 * 1000 as now',
  );
  return rows[0]?.now as number;
};

describe('a lease', () => {
  test('runs for its length from the moment the database wrote it, which is the answer', async () => {
    const id = randomUUID();
    const before = await databaseNow();
    const answered = await renew(id, 60_000);
    const after = await databaseNow();
    expect(answered).toBeGreaterThanOrEqual(before);
    expect(answered).toBeLessThanOrEqual(after);
    const { rows } = await store.db.query<{ until: number }>(
      'select extract(epoch from lease_until)::float8 * 1000 as until from replicas where id = $1',
      [id],
    );
    expect(rows[0]?.until).toBeGreaterThanOrEqual(Math.floor(before) + 60_000 - 1);
    expect(rows[0]?.until).toBeLessThanOrEqual(after + 60_000 + 1);
  });

  test('that is renewed keeps its start and shows what the replica does now', async () => {
    const id = randomUUID();
    await renew(id, 60_000);
    const [first] = await listReplicas(store.db);
    await renewLease(
      store.db,
      {
        ...state,
        id,
        running: 3,
        tasksLoaded: 9,
        breakers: [{ origin: 'http://a.example', state: 'open', openedMsAgo: 5 }],
      },
      60_000,
    );
    const [second] = await listReplicas(store.db);
    expect(second).toMatchObject({
      id,
      startedAt: first?.startedAt,
      running: 3,
      tasksLoaded: 9,
      breakers: [{ origin: 'http://a.example', state: 'open', openedMsAgo: 5 }],
    });
  });

  test('that is over, given up or ended makes its replica dead to the others', async () => {
    const [lives, over, givenUp] = [randomUUID(), randomUUID(), randomUUID()];
    await renew(lives, 60_000);
    await renew(over, -1);
    await renew(givenUp, 60_000);
    await giveUpLease(store.db, givenUp);
    expect((await listReplicas(store.db)).map(({ id }) => id)).toEqual([lives]);
    await endReplicas(store.db);
    expect(await listReplicas(store.db)).toEqual([]);
  });

  test('tells who else lives, and which of them fire', async () => {
    const [own, other, idle, dead] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const peers = async (id: string, ttlMs: number, firing: boolean) =>
      (await renewLease(store.db, { ...state, id, firing }, ttlMs)).peers;
    expect(await peers(other, 60_000, true)).toEqual([]);
    await peers(idle, 60_000, false);
    await peers(dead, -1, true);
    const peer = (id: string, firing: boolean) => ({ id, tz: '2025c', firing });
    const others = [peer(other, true), peer(idle, false)];
    expect(await peers(own, 60_000, true)).toEqual(expect.arrayContaining(others));
    expect(await peers(other, 60_000, false)).toHaveLength(2);
    expect(await peers(own, 60_000, true)).toContainEqual(peer(other, false));
  });

  test('is forgotten an hour after its end, not before', async () => {
    const [longDead, justDead] = [randomUUID(), randomUUID()];
    await renew(longDead, -3_600_001);
    await renew(justDead, -3_500_000);
    await forgetDeadReplicas(store.db, await databaseNow());
    const { rows } = await store.db.query<{ id: string }>('select id from replicas');
    expect(rows).toEqual([{ id: justDead }]);
  });
});

describe('the duty to sweep', () => {
  test('is shown for the live replica that did it last', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    await renew(one, 60_000);
    await renew(other, 60_000);
    const duties = async () => new Map((await listReplicas(store.db)).map((each) => [each.id, each.duties]));
    expect(await duties()).toEqual(
      new Map([
        [one, []],
        [other, []],
      ]),
    );
    await store.db.query('insert into cluster (watermark, swept_by) values (now(), $1)', [one]);
    expect(await duties()).toEqual(
      new Map([
        [one, ['sweep']],
        [other, []],
      ]),
    );
    await store.db.query('update cluster set swept_by = $1', [other]);
    expect(await duties()).toEqual(
      new Map([
        [one, []],
        [other, ['sweep']],
      ]),
    );
  });
});

describe('the last known time', () => {
  test('is that of the latest heartbeat or of the watermark, whichever is later, and nothing where there is neither', async () => {
    expect(await lastKnownTime(store.db)).toBeNull();
    const id = randomUUID();
    await renew(id, -1);
    const { rows } = await store.db.query<{ at: Date }>('select heartbeat_at as at from replicas');
    const heartbeat = rows[0]?.at.getTime() as number;
    expect(await lastKnownTime(store.db)).toBe(heartbeat);
    await store.db.query('insert into cluster (watermark) values ($1)', [new Date(heartbeat - 5_000)]);
    expect(await lastKnownTime(store.db)).toBe(heartbeat);
    await store.db.query('update cluster set watermark = $1', [new Date(heartbeat + 5_000)]);
    expect(await lastKnownTime(store.db)).toBe(heartbeat + 5_000);
  });
});
