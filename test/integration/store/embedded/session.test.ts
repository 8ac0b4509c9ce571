/** What the one session behind the embedded store's socket does, as far as the store builds on it. */

import { Socket } from 'node:net';

import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import type { EmbeddedStore } from '../../../../src/store/embedded/embedded.ts';
import { newFolder } from './processes.ts';

const built = (await import(
  new URL('../../../../dist/store/embedded/embedded.js', import.meta.url).href
)) as typeof import('../../../../src/store/embedded/embedded.ts');

let store: EmbeddedStore;
beforeAll(async () => {
  const dataDir = await newFolder();
  const opened = await built.startEmbedded({ dataDir, clock: systemClock, onDeath: (why) => expect.unreachable(why) });
  if (!opened.ok) throw new Error(opened.errors);
  store = opened.value;
});
afterAll(() => store.stop());

async function connect(socket = new Socket()): Promise<pg.Client> {
  const client = new pg.Client({ ...store.connection, stream: () => socket });
  client.on('error', () => {}); // Of those that are cut off.
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

test('a client waits for the end of the transaction of another', async () => {
  const [one, other] = [await connect(), await connect()];
  await one.query('create table waited (n integer)');
  await one.query('begin');
  const answer = other.query('select count(*)::integer as rows from waited');
  for (let n = 0; n < 20; n++) await one.query('insert into waited values ($1)', [n]);
  await one.query('commit');
  expect((await answer).rows).toEqual([{ rows: 20 }]);
});

test.each([
  ['open', 'select 1'],
  ['failed', 'select 1 / 0'],
])('an %s transaction whose client is gone is rolled back, and the others go on', async (_, text) => {
  const socket = new Socket();
  const [one, other] = [await connect(socket), await connect()];
  await other.query('create table if not exists gone (n integer)');
  await one.query('begin');
  await one.query('insert into gone values (1)');
  await one.query(text).catch(() => {});
  const answer = other.query('select count(*)::integer as rows from gone');
  socket.destroy();
  expect((await answer).rows).toEqual([{ rows: 0 }]);
});

test('prepared statements are common to all connections: hence a pool of one, which clears them when it connects', async () => {
  const [one, other] = [await connect(), await connect()];
  await one.query({ name: 'common', text: 'select 1' });
  await expect(other.query({ name: 'common', text: 'select 1' })).rejects.toThrow('already exists');
  await other.query('deallocate all');
  expect((await other.query({ name: 'common', text: 'select 2 as n' })).rows).toEqual([{ n: 2 }]);
});

test('an advisory lock keeps nobody out', async () => {
  const [one, other] = [await connect(), await connect()];
  await one.query('select pg_advisory_lock(1)');
  expect((await other.query('select pg_try_advisory_lock(1) as got')).rows).toEqual([{ got: true }]);
});

test('what the store needs of Postgres is there', async () => {
  const client = await connect();
  await client.query(`
    create table needed (id integer primary key, changed xid8, status text not null);
    create index on needed (changed);
    create unique index on needed ((true)) where status = 'running';
    create function stamp() returns trigger language plpgsql as $$
      begin new.changed := pg_current_xact_id(); return new; end $$;
    create trigger stamp before insert or update on needed for each row execute function stamp()`);
  const insert = {
    name: 'needed',
    text: 'insert into needed select id, null, status from unnest($1::integer[], $2::text[]) as n(id, status) on conflict do nothing returning id',
  };
  const ids = Array.from({ length: 500 }, (_, id) => id);
  const { rows } = await client.query({ ...insert, values: [ids, ids.map((id) => (id < 2 ? 'running' : 'pending'))] });
  expect(rows).toHaveLength(499);
  const read = `select id, changed = pg_current_xact_id() as now from needed where changed >= $1::xid8 order by changed, id limit 2
    for update skip locked`;
  expect((await client.query(read, ['0'])).rows.map(({ now }) => now)).toEqual([false, false]);
  await client.query('begin');
  const first = (await client.query('select clock_timestamp() as at, pg_sleep(0.02)')).rows[0].at as Date;
  const second = (await client.query('select clock_timestamp() as at')).rows[0].at as Date;
  await client.query('commit');
  expect(second.getTime()).toBeGreaterThan(first.getTime());
  expect(Math.abs(second.getTime() - systemClock.now())).toBeLessThan(60_000);
});
