import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { pgbouncer, startPgBouncer } from '../../services/pgbouncer.ts';
import { poll } from '../../services/poll.ts';
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
