import pg from 'pg';
import supertest from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { noPostgres } from '../../services/provided.ts';
import { startTarget, status } from '../../target.ts';
import { type Body, startReady } from './ready.ts';

test.skipIf(noPostgres)(
  'a task whose template was being filled in when the process died twice is stopped, until somebody starts it',
  { timeout: 120_000 },
  async () => {
    const { url } = await createDatabase();
    const target = await startTarget();
    onTestFinished(() => target.close());
    target.setBehaviour(status(200));
    const start = () => startReady({ env: { DATABASE_URL: url, LEASE_TTL: '2s' } });
    let replica = await start();
    const client = new pg.Client({ connectionString: url });
    onTestFinished(() => client.end());
    await client.connect();
    // Nothing that the door lets in takes long to fill in: that it is done cannot be noted instead.
    await client.query(`
      create function never_done() returns trigger language plpgsql as $$ begin raise exception 'not done'; end $$;
      create trigger never_done before delete on template_trials for each row execute function never_done()`);
    const body = { run: '{{ runId }}' };
    const task = { schedule: '@every 1s', target: { url: target.url, body }, template: true };
    await replica.http.put('/tasks/deadly').send(task).expect(201);
    await replica.http
      .put('/tasks/plain')
      .send({ ...task, template: false })
      .expect(201);
    const left = (deaths: number) =>
      poll(async () => (await client.query('select from template_trials')).rowCount === deaths, {
        what: `${deaths} processes to have begun`,
        withinMs: 30_000,
      });
    for (const deaths of [1, 2]) {
      await left(deaths);
      replica.kill('SIGKILL');
      await replica.exited;
      await client.query(`update template_trials set at = at - interval '1 minute'`);
      replica = await start();
    }
    const events: Body[] = await poll(
      async () => {
        const { items } = (await replica.http.get('/tasks/deadly/events').expect(200)).body;
        return items.some(({ type }: Body) => type === 'quarantined') && items;
      },
      { what: 'the quarantine', withinMs: 30_000 },
    );
    expect(events.find(({ type }) => type === 'quarantined')).toMatchObject({
      actor: 'scheduler',
      changes: { reason: expect.stringContaining('died twice') },
    });
    const http = supertest(replica.url);
    expect((await http.get('/tasks/deadly').expect(200)).body).toMatchObject({ status: 'stopped', nextRunAt: null });
    const refused: Body[] = (await http.get('/tasks/deadly/runs?status=failed').expect(200)).body.items;
    expect(refused[0]?.error.message).toContain('died twice');
    // What other tasks do goes on.
    const { body: plain } = await http.get('/tasks/plain/runs?limit=1').expect(200);
    expect(plain.items).toHaveLength(1);

    await client.query('drop trigger never_done on template_trials');
    await http.post('/tasks/deadly/start').expect(200);
    await poll(
      async () => (await http.get('/tasks/deadly/runs?status=succeeded&limit=1')).body.items[0]?.id !== undefined,
      { what: 'it to run again' },
    );
    const since = (await http.get('/tasks/deadly/events').expect(200)).body.items[0];
    expect(since.type).toBe('started');
  },
);
