/** The outbox on a real Postgres: nothing is lost or read twice, whenever the transactions that write events end. */

import { beforeEach, describe, expect, test } from 'vitest';
import {
  forgetReadEvents,
  readOutbox,
  registerSubscribers,
  subscribersWithNews,
} from '../../../../src/store/events/outbox.ts';
import type { Queryable } from '../../../../src/store/postgres/database.ts';
import { forgetFuture } from '../../../../src/store/postgres/restored.ts';
import { noPostgres } from '../../../services/provided.ts';
import { openStore, plantRun, type Store, waitForBlocked } from '../store.ts';

let store: Store;
beforeEach(async () => {
  store = await openStore();
  await registerSubscribers(store.db, ['reader']);
});

const write = async (db: Queryable, type: string, runId: string | null = null) =>
  void (await db.query(`insert into events (task_uid, run_id, type, at, actor) values (1, $2, $1, now(), 'tester')`, [
    type,
    runId,
  ]));

/** What a reader is given, page by page. */
async function read(limit = 100, types = ['a', 'b', 'c', 'd']): Promise<string[]> {
  const found: string[] = [];
  for (let more = true; more; )
    ({ more } = await readOutbox(store.database, { name: 'reader', types, limit }, async (_, events) => {
      found.push(...events.map(({ type }) => type));
    }));
  return found;
}

const kept = async () =>
  (await store.db.query<{ type: string }>('select type from events order by id')).rows.map(({ type }) => type);

describe('a subscriber', () => {
  test('is given each event of its types once, in the order of their ids, whatever fits into a page', async () => {
    for (const type of ['a', 'b', 'other', 'c']) await write(store.db, type);
    expect(await subscribersWithNews(store.db, ['reader', 'nobody'])).toEqual(['reader']);
    expect(await read(1)).toEqual(['a', 'b', 'c']);
    expect(await read(1)).toEqual([]);
    expect(await subscribersWithNews(store.db, ['reader'])).toEqual([]);
    await write(store.db, 'd');
    expect(await read(2)).toEqual(['d']);
  });

  test('hears of what is written after it came, and when it comes again, of what was written meanwhile', async () => {
    await write(store.db, 'a');
    await registerSubscribers(store.db, ['late', 'reader']);
    expect(await subscribersWithNews(store.db, ['late', 'reader'])).toEqual(['reader']);
    expect(await read()).toEqual(['a']);
  });

  test.skipIf(noPostgres)(
    'misses nothing that is committed after what came later, and reads nothing twice',
    async () => {
      const slow = await store.database.pool.connect();
      await slow.query('begin');
      await write(slow, 'a');
      await write(store.db, 'b');
      expect(await read()).toEqual(['b']);
      await write(store.db, 'c');
      expect(await read(1)).toEqual(['c']);
      await slow.query('commit');
      slow.release();
      expect(await read()).toEqual(['a']);
      expect(await read()).toEqual([]);
    },
  );

  test.skipIf(noPostgres)('reads on where a page ended, although more was committed between two pages', async () => {
    const slow = await store.database.pool.connect();
    await slow.query('begin');
    await write(slow, 'a');
    for (const type of ['b', 'c']) await write(store.db, type);
    const found: string[] = [];
    const page = () =>
      readOutbox(store.database, { name: 'reader', types: ['a', 'b', 'c', 'd'], limit: 1 }, async (_, events) => {
        found.push(...events.map(({ type }) => type));
      });
    await page();
    await slow.query('commit');
    slow.release();
    await write(store.db, 'd');
    for (let left = 0; left < 6; left++) await page();
    expect(found).toEqual(['b', 'c', 'a', 'd']);
  });

  test('reads again what it failed to take note of', async () => {
    await write(store.db, 'a');
    const failing = readOutbox(store.database, { name: 'reader', types: ['a'], limit: 1 }, async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await read()).toEqual(['a']);
  });

  test.skipIf(noPostgres)('reads on one replica at a time; the others do not wait', async () => {
    await write(store.db, 'a');
    const during: string[][] = [];
    await readOutbox(store.database, { name: 'reader', types: ['a'], limit: 10 }, async () => {
      during.push(await read());
    });
    expect(during).toEqual([[]]);
  });
});

describe('events', () => {
  const runId = '01939000-0000-8000-8000-000000000001';

  test('are not written for a run that nobody listens to', async () => {
    await plantRun(store.db, { id: runId, uid: 1, status: 'running', attempt: 1 });
    await store.db.query(`update runs set status = 'succeeded' where id = $1`, [runId]);
    expect(await kept()).toEqual([]);
  });

  test('of runs go as soon as every subscriber has read them; the log of the task stays', async () => {
    await registerSubscribers(store.db, ['slow']);
    await write(store.db, 'a', runId);
    await write(store.db, 'b');
    await read();
    expect(await forgetReadEvents(store.db, 10)).toBe(0);
    await readOutbox(store.database, { name: 'slow', types: [], limit: 10 }, async () => {});
    expect(await forgetReadEvents(store.db, 10)).toBe(1);
    expect(await kept()).toEqual(['b']);
  });

  test('of a dump are read once in a younger cluster, and only those that were not read before', async () => {
    await write(store.db, 'a');
    await write(store.db, 'b');
    await store.db.query(`
      update events set written_in = case type when 'a' then '9000000000000' else '9000000000002' end::xid8`);
    await store.db.query(`update subscriptions set seen = '9000000000001:9000000000001:'`);
    await forgetFuture(store.db);
    await forgetFuture(store.db);
    await write(store.db, 'c');
    expect(await read()).toEqual(['b', 'c']);
    expect(await read()).toEqual([]);
  });
});

test('a dump of a subscriber in the middle of its pages loses nothing in a younger cluster', async () => {
  for (const type of ['a', 'b']) await write(store.db, type);
  await store.db.query(`update events set written_in = '9000000000000'`);
  await store.db.query(`
    update subscriptions set seen = '5:5:', reading = '9000000000001:9000000000001:', read_id = 1`);
  await forgetFuture(store.db);
  await write(store.db, 'c');
  expect((await read()).slice(-2)).toEqual(['b', 'c']);
  await write(store.db, 'd');
  expect(await read()).toEqual(['d']);
});

test.skipIf(noPostgres)('a dump loses nothing when several replicas start on it at once', async () => {
  await write(store.db, 'a');
  await store.db.query(`update events set written_in = '9000000000002'`);
  await store.db.query(`update subscriptions set seen = '9000000000001:9000000000001:'`);
  const holder = await store.database.pool.connect();
  await holder.query('begin; select from subscriptions for update');
  const starts = [forgetFuture(store.db), forgetFuture(store.db)];
  await waitForBlocked(store.db, 2);
  await holder.query('rollback');
  holder.release();
  await Promise.all(starts);
  expect(await read()).toEqual(['a']);
});

test.skipIf(noPostgres)('a reader that freezes with the events of a subscriber lets go of them soon', async () => {
  await write(store.db, 'a');
  const page = { name: 'reader', types: ['a'], limit: 10 };
  let freeze = () => {};
  const frozen = new Promise<void>((resolve) => {
    freeze = resolve;
  });
  let thaw = () => {};
  const stuck = readOutbox(store.database, page, () => {
    freeze();
    return new Promise<void>((resolve) => {
      thaw = resolve;
    });
  });
  const failed = expect(stuck).rejects.toThrow();
  await frozen;
  expect(await read()).toEqual([]);
  await expect.poll(() => read(), { timeout: 10_000, interval: 100 }).toEqual(['a']);
  thaw();
  await failed;
});

test.skipIf(noPostgres)('a reader whose look began before that of another does not read its events again', async () => {
  await write(store.db, 'a');
  // Between the snapshot of a statement and its lock: only who is called `slow` waits there.
  await store.db.query(`
    create function waits_for_turn() returns boolean language plpgsql volatile as $$ begin
      if current_setting('test.slow', true) = 'on' then perform pg_advisory_xact_lock(4711); end if;
      return true;
    end $$;
    alter table subscriptions rename to places;
    create view subscriptions as select * from places where waits_for_turn()`);
  const holder = await store.database.pool.connect();
  await holder.query('select pg_advisory_lock(4711)');
  const { pool } = store.database;
  const connect = async () => {
    const client = await pool.connect();
    await client.query(`set test.slow = 'on'`);
    return client;
  };
  const found: string[] = [];
  const note = async (_: Queryable, events: readonly { type: string }[]) => {
    found.push(...events.map(({ type }) => type));
  };
  const page = { name: 'reader', types: ['a', 'b'], limit: 10 };
  const slow = readOutbox({ ...store.database, pool: { ...pool, connect } }, page, note);
  await waitForBlocked(store.db, 1);
  await write(store.db, 'b');
  await readOutbox(store.database, page, note);
  await holder.query('select pg_advisory_unlock(4711)');
  holder.release();
  await slow;
  await readOutbox(store.database, page, note);
  expect(found).toEqual(['a', 'b']);
});
