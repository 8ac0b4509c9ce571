import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Database, inTransaction } from '../../../../src/store/postgres/database.ts';
import { completeRuns, type OutcomeWrite } from '../../../../src/store/runs/completing/outcome-writes.ts';
import { startReady } from '../../../replicas/process/ready.ts';
import { noPostgres } from '../../../services/provided.ts';
import { makeTask, openPool, openStore, plantRun, readRun, type Store, t0, waitForBlocked } from '../store.ts';

describe.skipIf(noPostgres)('statements that wait for each other in a ring', () => {
  let store: Store;
  let ours: Database;
  beforeAll(async () => {
    store = await openStore();
    const { rows } = await store.db.query<{ name: string }>('select current_database() as name');
    // Whoever closes the ring notices soon, and is the one that is rolled back.
    await store.db.query(`alter database ${rows[0]?.name} set deadlock_timeout = '50ms'`);
    ours = openPool(store.url);
  });

  async function session() {
    const client = new pg.Client({ connectionString: store.url });
    await client.connect();
    onTestFinished(() => client.end());
    await client.query(`begin; set local deadlock_timeout = '1min'`);
    return {
      touch: (id: string) => client.query('update runs set output = output where id = $1', [id]),
      commit: () => client.query('commit'),
    };
  }

  /**
   * Three runs, and `work`, which writes them in their order, made to close a ring with another session at the third.
   */
  async function collide<T>(
    uid: number,
    run: { status: 'running' | 'pending'; owner: string | null },
    work: (ids: string[]) => Promise<T>,
  ): Promise<{ ids: string[]; result: T }> {
    const ids = [randomUUID(), randomUUID(), randomUUID()].sort();
    const attempt = run.status === 'running' ? 1 : 0;
    for (const id of ids) await plantRun(store.db, { id, uid, attempt, max_attempts: 1, ...run });
    const [first = '', second = '', third = ''] = ids;
    const [gate, rival] = [await session(), await session()];
    await gate.touch(second);
    await rival.touch(third);
    const working = work(ids);
    working.catch(() => {});
    await waitForBlocked(store.db, 1);
    const waiting = rival.touch(first);
    await waitForBlocked(store.db, 2);
    await gate.commit();
    // Only when ours was rolled back.
    await waiting;
    await rival.commit();
    return { ids, result: await working };
  }

  const outcomeWrite = (runId: string): OutcomeWrite => ({
    runId,
    attempt: 1,
    status: 'succeeded',
    startedAt: t0,
    finishedAt: t0 + 5,
    detail: { httpStatus: 200 },
    output: 'done',
    truncated: false,
    error: null,
    reason: null,
    record: null,
    retryAt: null,
  });

  test('lose no settlement: what was rolled back is written at the next try', async () => {
    const { uid } = await makeTask(store.db, 'settled', { overlap: 'allow' });
    const owner = randomUUID();
    const { ids, result } = await collide(uid, { status: 'running', owner }, (runs) =>
      completeRuns(ours.pool, owner, runs.map(outcomeWrite)),
    );
    expect(result).toEqual(new Set(ids));
    for (const id of ids) expect(await readRun(store.db, id)).toMatchObject({ status: 'succeeded', output: 'done' });
  });

  test('begin a transaction anew, with all that it did', async () => {
    const { uid } = await makeTask(store.db, 'transaction', { overlap: 'allow' });
    let begun = 0;
    const { ids, result } = await collide(uid, { status: 'pending', owner: null }, (runs) =>
      inTransaction(ours, async (client) => {
        begun++;
        for (const id of runs) await client.query(`update runs set reason = 'here' where id = $1`, [id]);
        return 'done';
      }),
    );
    expect([begun, result]).toEqual([2, 'done']);
    for (const id of ids) expect((await readRun(store.db, id)).reason).toBe('here');
  });

  test('fail no request', async () => {
    const replica = await startReady({ env: { DATABASE_URL: store.url } });
    await replica.http
      .post('/tasks')
      .send({ id: 'asked', schedule: { manual: true }, target: 'http://127.0.0.1:9/', overlap: 'allow' })
      .expect(201);
    const { rows } = await store.db.query<{ uid: string }>(`select uid from tasks where id = 'asked'`);
    const { result } = await collide(Number(rows[0]?.uid), { status: 'pending', owner: null }, () =>
      replica.http.post('/tasks/asked/stop').send({ cancel: 'pending' }).expect(200),
    );
    expect(result.body).toMatchObject({ id: 'asked', status: 'stopped' });
    expect(replica.logs().filter(({ msg }) => `${msg}`.startsWith('Postgres rolled a statement back'))).toHaveLength(1);
    await replica.stop();
  });

  test('are given up after some tries', async () => {
    let tries = 0;
    const always = inTransaction(ours, async () => {
      tries++;
      throw Object.assign(new Error('deadlock detected'), { code: '40P01' });
    });
    await expect(always).rejects.toMatchObject({ code: '40P01' });
    expect(tries).toBe(5);
  });
});
