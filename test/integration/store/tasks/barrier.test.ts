import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Database, Queryable } from '../../../../src/store/postgres/database.ts';
import { claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { claimsAreOver } from '../../../../src/store/tasks/barrier.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { updateTask } from '../../../../src/store/tasks/tasks.ts';
import { atFileEnd } from '../../../services/file-end.ts';
import { noPostgres } from '../../../services/provided.ts';
import {
  author,
  dueOf,
  makeTask,
  openPool,
  openStore,
  plantRun,
  redact,
  runsOf,
  type Store,
  t0,
  waitForBlocked,
} from '../store.ts';

let store: Store;
/**
 * With no rights but those on the tables, which it has by a role that it sets, and a name of its own for its
 * connections.
 */
let humble: Database;

async function openHumble(url: string): Promise<Database> {
  const [login, worker] = ['login', 'worker'].map((part) => `punctual_test_${part}_${randomBytes(4).toString('hex')}`);
  await store.db.query(`
    create role ${worker};
    create role ${login} login password 'humble' in role ${worker};
    alter role ${login} set role = ${worker};
    alter role ${login} set application_name = 'of the role';
    grant select, insert, update, delete on all tables in schema public to ${worker}`);
  atFileEnd(() => store.db.query(`drop owned by ${worker}; drop role ${login}, ${worker}`));
  const address = new URL(url);
  address.username = login as string;
  address.password = 'humble';
  address.searchParams.set('application_name', 'x');
  return openPool(address.href);
}

beforeAll(async () => {
  store = await openStore();
  if (!noPostgres) humble = await openHumble(store.url);
});

const claimer = () => ({ owner: randomUUID(), now: t0 + 1_000, trigger: 'schedule' as const });
const claim = (db: Queryable, task: Task, second = 1) => claimOccurrences(db, [dueOf(task, second)], claimer(), false);

const stop = (db: Queryable, task: Task) =>
  updateTask(
    db,
    task,
    { redact, type: 'stopped', definition: { ...task.definition, status: 'stopped' }, activeFrom: t0 },
    author,
    t0,
  );

/** A session with a transaction of its own; `begin` is what it is begun with. */
async function session(database: Database, begin = 'begin') {
  const client = await database.pool.connect();
  onTestFinished(() => client.release(true));
  await client.query(begin);
  return client;
}

// The embedded store has one session: nothing can be under way beside it.
describe.skipIf(noPostgres)('a change is answered when no claim can still see the task as it was', () => {
  test('which one can that had its snapshot before the change, and inserts after it', async () => {
    const task = await makeTask(store.db, 'claimed-meanwhile');
    // The claim meets a row of the same occurrence that is not committed, and waits for its end in the middle of its
    // statement.
    const other = await session(store.database);
    await plantRun(other, {
      id: dueOf(task, 1).runId,
      uid: task.uid,
      status: 'running',
      owner: randomUUID(),
      attempt: 1,
    });
    const claiming = claim(humble.pool, task);
    await waitForBlocked(store.db, 1);
    expect(await stop(humble.pool, task)).not.toBeNull();
    let looks = 0;
    await claimsAreOver(humble, async () => {
      if (++looks === 5) await other.query('rollback');
    });
    expect(looks).toBeGreaterThanOrEqual(5);
    expect(await runsOf(store.db, task.uid)).toHaveLength(1);
    expect(await claiming).toMatchObject([{ won: true }]);
  });

  test('which one can that has only to be committed', async () => {
    const task = await makeTask(store.db, 'commits-late');
    const client = await session(humble);
    await claim(client, task);
    await stop(humble.pool, task);
    let looks = 0;
    await claimsAreOver(humble, async () => {
      if (++looks === 5) await client.query('commit');
    });
    expect(looks).toBeGreaterThanOrEqual(5);
    expect(await runsOf(store.db, task.uid)).toHaveLength(1);
  });

  test('but not one that waits for its tables: it sees what was committed meanwhile, also with a plan that was kept', async () => {
    const task = await makeTask(store.db, 'claims-late');
    const client = await humble.pool.connect();
    onTestFinished(() => client.release(true));
    // Postgres keeps one task snapshot for all values from the sixth time on.
    for (let second = 1; second <= 8; second++) await claim(client, task, second);
    const before = await runsOf(store.db, task.uid);
    const other = await session(store.database);
    await other.query('lock table runs in share mode');
    const claiming = claim(client, task, 9);
    await waitForBlocked(store.db, 1);
    await store.db.query(
      `update tasks set status = 'stopped', schedule_version = schedule_version + 1, changed_in = pg_current_xact_id() where uid = $1`,
      [task.uid],
    );
    let looks = 0;
    await claimsAreOver(humble, async () => {
      looks++;
    });
    expect(looks).toBe(0);
    await other.query('commit');
    expect(await claiming).toEqual([]);
    expect(await runsOf(store.db, task.uid)).toEqual(before);
  });

  test('nor does it wait for those who only read, or only write outcomes', async () => {
    const task = await makeTask(store.db, 'looked-at');
    await plantRun(store.db, {
      id: dueOf(task, 1).runId,
      uid: task.uid,
      status: 'running',
      owner: randomUUID(),
      attempt: 1,
    });
    const dump = await session(store.database, 'begin isolation level repeatable read');
    await dump.query('select count(*) from tasks, runs');
    const settling = await session(store.database);
    await settling.query(`update runs set output = 'ok' where task_uid = $1`, [task.uid]);
    await stop(humble.pool, task);
    let looks = 0;
    await claimsAreOver(humble, async () => {
      looks++;
    });
    expect(looks).toBe(0);
  });

  test('nor for the claims that come and go while it waits', async () => {
    const [task, other] = [await makeTask(store.db, 'first'), await makeTask(store.db, 'other')];
    const first = await session(humble);
    await claim(first, task);
    await stop(humble.pool, task);
    let looks = 0;
    await claimsAreOver(humble, async () => {
      if (++looks === 1) await claim(await session(humble), other);
      if (looks === 3) await first.query('commit');
    });
    expect(looks).toBe(3);
  });

  test('and never while one is still under way: it gives up instead', async () => {
    const task = await makeTask(store.db, 'frozen');
    const frozen = await session(humble);
    await claim(frozen, task);
    await stop(humble.pool, task);
    await expect(claimsAreOver(humble, async () => {})).rejects.toThrow('timeout');
  });
});
