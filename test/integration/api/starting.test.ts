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

describe.skipIf(noPostgres)('a replica that is being started', () => {
  test('answers a request once it has started, rather than with 503', async () => {
    const { url } = await createDatabase();
    const client = await connect(url);
    await client.query('begin; lock table subscriptions in access exclusive mode');
    // However slow this machine is, the request waits for long enough.
    const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms * 10, run) };
    const replica = await startInProcess({ env: { DATABASE_URL: url, AUTH: 'none' }, clock });
    const answer = supertest(replica.url).get('/tasks').then();
    const isWaiting = async () => {
      const { rows } = await client.query('select from pg_locks where not granted');
      return rows.length > 0;
    };
    await poll(isWaiting, { what: 'the start to wait for the lock' });
    await client.query('commit');
    expect((await answer).status).toBe(200);
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
