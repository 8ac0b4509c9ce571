import pg from 'pg';
import supertest from 'supertest';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { startInProcess } from '../../services/in-process.ts';
import { noPostgres } from '../../services/provided.ts';

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Whether somebody waits for a lock. */
async function hasWaiting(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query('select from pg_locks where not granted');
  return rows.length > 0;
}

/** However slow this machine is, a request waits for long enough. */
const slowClock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms * 10, run) };

describe.skipIf(noPostgres)('a replica that is being started', () => {
  test('answers a request once it has started, rather than with 503', async () => {
    const { url } = await createDatabase();
    const client = await connect(url);
    await client.query('begin; lock table subscriptions in access exclusive mode');
    const replica = await startInProcess({ env: { DATABASE_URL: url, AUTH: 'none' }, clock: slowClock });
    const answer = supertest(replica.url).get('/tasks').then();
    await poll(() => hasWaiting(client), { what: 'the start to wait for the lock' });
    await client.query('commit');
    expect((await answer).status).toBe(200);
    await client.end();
  });

  test('dates nothing before the database has told its time', async () => {
    const { url } = await createDatabase();
    const client = await connect(url);
    await (await startInProcess({ env: { DATABASE_URL: url, AUTH: 'none' } })).stop();
    // All that is known of the time is that of the last sign of life.
    await client.query(`
      update cluster set watermark = now() - interval '1 hour';
      insert into replicas (id, version, host, pid, started_at, heartbeat_at, lease_until, running, tasks_loaded)
      select gen_random_uuid(), '', '', 1, at, at, at, 0, 0 from (select now() - interval '1 hour' as at) as ago`);
    await client.query('begin; lock table replicas in exclusive mode');
    const replica = await startInProcess({ env: { DATABASE_URL: url, AUTH: 'none' }, clock: slowClock });
    const task = { id: 'young', schedule: '@every 1s', target: 'http://127.0.0.1:9/', misfire: { policy: 'fire_all' } };
    const answer = supertest(replica.url).post('/tasks').send(task).then();
    await poll(() => hasWaiting(client), { what: 'the lease to wait for the lock' });
    const { rows: told } = await client.query('select clock_timestamp() as at');
    await client.query('commit');
    expect((await answer).status).toBe(201);
    expect(Date.parse((await answer).body.createdAt)).toBeGreaterThanOrEqual(told[0].at.getTime() - 5);
    await client.end();
  });

  test('begins nothing twice where its first try fails', async () => {
    const { url } = await createDatabase();
    const client = await connect(url);
    await client.query(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$;
      create trigger refuse before insert on bindings for each row execute function refuse()`);
    const replica = await startInProcess({
      env: { DATABASE_URL: url, AUTH: 'none', ROLE_BINDINGS: 'group:ops=owner@*' },
    });
    await poll(async () => replica.logs().some(({ loop }) => loop === 'boot'), { what: 'the first try to fail' });
    await client.query('drop trigger refuse on bindings');
    const http = supertest(replica.url);
    await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
    const { rows } = await client.query(`
      select from pg_stat_activity where datname = current_database() and application_name like '% signals'`);
    expect(rows).toHaveLength(1);
    expect((await http.get('/bindings')).body.items).toMatchObject([{ subject: 'group:ops', role: 'owner' }]);
    await client.end();
  });
});
