/** An upgrade: replicas of the version before and of this one side by side on one database. */

import pg from 'pg';
import supertest from 'supertest';
import { expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { emptyDatabase } from '../services/database.ts';
import { buildCommit, earlierCommit, hasCommit } from '../services/earlier-version.ts';
import { startReplica } from '../services/process.ts';
import { noPostgres } from '../services/provided.ts';
import { startTarget } from '../target.ts';

const commit = await earlierCommit();
const isMissing = !(await hasCommit(commit));
if (isMissing)
  process.stderr.write(`\nNO UPGRADE TEST: the history of this copy lacks ${commit} (git fetch --unshallow gets it)\n`);

test.runIf(isMissing && process.env.REQUIRE_SERVICES === '1')('the version before is in the history', () => {
  throw new Error(`the commit ${commit} is missing: a whole clone has it (git fetch --unshallow)`);
});

test.skipIf(noPostgres || isMissing)(
  'the version before and this one fire every occurrence once, and this one goes on alone',
  { timeout: 120_000 },
  async () => {
    const program = await buildCommit(commit);
    const target = await startTarget();
    const env = { DATABASE_URL: await emptyDatabase(), LEASE_TTL: '1s', TARGET_DENY: 'none' };
    const start = async (options: { program?: string }) => {
      const replica = await startReplica({ env, ...options });
      const http = supertest(replica.url);
      await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
      return { ...replica, http };
    };
    const before = await start({ program });
    const items = Array.from({ length: 20 }, (_, place) => ({
      ...{ id: `task-${place}`, schedule: '@every 500ms', overlap: 'allow', target: `${target.url}/${place}` },
      // Both versions have to agree on limits too.
      ...(place < 5 && { concurrency: { key: 'shared', limit: 3 } }),
    }));
    await before.http.post('/tasks/batch').send({ items }).expect(200);
    await target.waitFor(() => target.requests.length >= 40);
    const after = await start({});
    const beside = target.requests.length;
    await target.waitFor(() => target.requests.length >= beside + 120, 20_000);
    const client = new pg.Client({ connectionString: env.DATABASE_URL });
    await client.connect();
    const { rows: owners } = await client.query('select count(distinct owner)::integer as owners from runs');
    expect(await before.stop()).toBe(0);
    const alone = target.requests.length;
    await target.waitFor(() => target.requests.length >= alone + 40, 20_000);
    for (const { id } of items) await after.http.post(`/tasks/${id}/stop`).expect(200);
    const { rows: runs } = await client.query(
      `select task_uid, status, count(*)::integer as runs, count(distinct scheduled_for)::integer as instants,
         (extract(epoch from max(scheduled_for) - min(scheduled_for)) * 2)::integer + 1 as due
       from runs where status not in ('cancelled', 'skipped') group by task_uid, status`,
    );
    const { rows: misses } = await client.query(`select from events where type = 'missed'`);
    await client.end();
    await after.stop();
    await target.close();
    expect(owners).toEqual([{ owners: 2 }]);
    expect(misses).toEqual([]);
    expect(runs).toHaveLength(items.length);
    for (const each of runs) expect(each).toMatchObject({ status: 'succeeded', instants: each.runs, due: each.runs });
  },
);
