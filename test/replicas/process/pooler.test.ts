import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createRunIds } from '../../../src/domain/run/ids.ts';
import { claimOccurrences } from '../../../src/store/runs/claiming/claims.ts';
import { openPool } from '../../integration/store/store.ts';
import { poll } from '../../poll.ts';
import { pgbouncer, startPgBouncer } from '../../services/pgbouncer.ts';
import { createPostgres, noOwnPostgres } from '../../services/postgres.ts';
import { startProgram } from '../../services/process.ts';
import { startTarget } from '../../target.ts';
import { startReady } from './ready.ts';

describe.skipIf(noOwnPostgres || pgbouncer === null)('behind a PgBouncer', () => {
  test('in session mode, as it comes, a replica migrates, fires, and stops tasks', { timeout: 60_000 }, async () => {
    const { url } = await createPostgres();
    const through = await startPgBouncer(url);
    const target = await startTarget();
    const replica = await startReady({ env: { DATABASE_URL: through, TARGET_DENY: 'none' } });
    const { http } = replica;
    await http.put('/tasks/pooled').send({ schedule: '@every 200ms', target: target.url }).expect(201);
    await poll(() => target.requests.length >= 3, { what: 'three runs' });
    await http.post('/tasks/pooled/stop').expect(200);
    await http.get('/tasks/pooled').expect(200);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(`select from pg_locks where locktype = 'advisory'`);
    await client.end();
    expect(rows).toEqual([]);
    expect(await replica.stop()).toBe(0);
  });

  test('a stop waits for the claim that another replica has under way there', { timeout: 60_000 }, async () => {
    const { url } = await createPostgres();
    const through = await startPgBouncer(url, { default_pool_size: '60' });
    const target = await startTarget();
    const replica = await startReady({ env: { DATABASE_URL: through, TARGET_DENY: 'none' } });
    const { http } = replica;
    await http.put('/tasks/held').send({ schedule: '@every 1h', target: target.url }).expect(201);
    const direct = new pg.Client({ connectionString: url });
    await direct.connect();
    onTestFinished(() => direct.end());
    const { rows } = await direct.query('select uid::float8 as uid, cluster.id as cluster from tasks, cluster');
    const { uid, cluster } = rows[0];
    const scheduledFor = Date.now();
    const due = {
      runId: createRunIds(cluster).of(uid, scheduledFor),
      uid,
      scheduleVersion: 1,
      scheduledFor,
      knownVersion: 0,
    };
    const other = await openPool(through, 'claims').pool.connect();
    onTestFinished(() => other.release(true));
    await other.query('begin');
    const claims = await claimOccurrences(other, [due], { owner: null, trigger: 'schedule', now: scheduledFor }, false);
    expect(claims).toMatchObject([{ won: true }]);
    let answered = false;
    const stopping = http.post('/tasks/held/stop').then((answer) => {
      answered = true;
      return answer.status;
    });
    await poll(async () => (await direct.query(`select from tasks where status = 'stopped'`)).rowCount === 1, {
      what: 'the stop to be committed',
    });
    for (let look = 0; look < 20; look++) await http.get('/tasks/held').expect(200);
    expect(answered).toBe(false);
    await other.query('commit');
    expect(await stopping).toBe(200);
    // What the claim made is seen by the stop.
    const { body: run } = await http.get(`/runs/${due.runId}`).expect(200);
    expect(run).toMatchObject({ status: 'cancelled', reason: 'task stopped' });
    expect(target.requests).toEqual([]);
    expect(await replica.stop()).toBe(0);
  });

  test.each(['transaction', 'statement'])(
    'in %s mode it refuses to start, and says what to set',
    { timeout: 60_000 },
    async (mode) => {
      const { url } = await createPostgres();
      for (const settings of [
        {},
        { server_round_robin: '1' },
        { default_pool_size: '2', server_round_robin: '1' },
        { default_pool_size: '1' },
      ]) {
        const through = await startPgBouncer(url, { pool_mode: mode, ...settings });
        const program = await startProgram({ env: { DATABASE_URL: through } });
        expect(await program.exited).toBe(1);
        expect(program.output()).toMatch(/DATABASE_URL .* pool_mode = session/);
      }
    },
  );
});
