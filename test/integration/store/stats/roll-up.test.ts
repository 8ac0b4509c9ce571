import { beforeEach, describe, expect, test } from 'vitest';
import type { RunStatus } from '../../../../src/domain/run/run.ts';
import { leastRunId } from '../../../../src/domain/schedule/occurrence.ts';
import { deleteOldRuns } from '../../../../src/store/runs/history.ts';
import { deleteOldRunsOf } from '../../../../src/store/runs/namespace-history.ts';
import { copyToHours, deleteOldHours, deleteOldMinutes } from '../../../../src/store/stats/hours.ts';
import { readStats, type StatsQuery } from '../../../../src/store/stats/read.ts';
import { rollUp } from '../../../../src/store/stats/roll-up.ts';
import { forgetTombstones } from '../../../../src/store/tasks/tombstones.ts';
import { makeTask, makeTasks, openPool, openStore, runIds } from '../store.ts';

const hour = 3_600_000;
/** Two hours ago, at a full hour. */
const begin = Math.floor(Date.now() / hour - 2) * hour;
const limits = { runs: 20_000, behindMs: 20_000, restMs: 0 };

const store = await openStore();
const { db, database } = store;
const [a, b] = (await makeTasks(db, ['a', 'b'], { labels: { team: 'ops' } })).map(({ uid }) => uid) as [number, number];
await db.query(`update tasks set labels = '{}' where uid = $1`, [b]);

beforeEach(() => db.query('truncate runs, events, unconfirmed_misses, stats_minutes, stats_hours, stats_open_runs'));
beforeEach(() => moveTo(begin));

/** Lets the roll-up begin at this instant, as if all before were counted. */
async function moveTo(instant: number): Promise<void> {
  await db.query('update stats_state set counted_to = $1', [leastRunId(instant)]);
}

type Planted = { uid?: number; at: number; status: RunStatus; lateMs?: number; tookMs?: number };

async function plant({ uid = a, at, status, lateMs, tookMs = 100 }: Planted, on = db): Promise<string> {
  const id = runIds.of(uid, at);
  const startedAt = lateMs === undefined ? null : new Date(at + lateMs);
  await on.query(
    `insert into runs (id, namespace, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, attempt, max_attempts,
      created_at, started_at, finished_at) values ($1, 'default', $2, 'schedule', $3, $4, $4, $4, 1, 1, $4, $5, $6)`,
    [id, uid, status, new Date(at), startedAt, new Date(at + (lateMs ?? 0) + tookMs)],
  );
  return id;
}

const query: StatsQuery = {
  ...{ namespace: 'default', from: begin - 24 * hour, to: begin + 6 * hour, bucket: '1m', by: { kind: 'none' } },
  limit: 1_000,
};
const read = (more: Partial<StatsQuery> = {}) => readStats(db, { ...query, ...more });
/** The keys and the counts that are not zero. */
async function counts(more: Partial<StatsQuery> = {}): Promise<Record<string, unknown>[]> {
  return (await read(more)).map(({ at, key, ...rest }) => ({
    ...{ minute: (at - begin) / 60_000, key },
    ...Object.fromEntries(Object.entries(rest).filter(([name, n]) => !name.startsWith('p') && n !== 0)),
  }));
}
const pass = async () => (await rollUp(database, limits))?.more;

describe('a run that is over', () => {
  test('counts in the minute that it was scheduled for, once, however many passes there are', async () => {
    await plant({ at: begin, status: 'succeeded', lateMs: 5 });
    await plant({ at: begin + 59_999, status: 'failed', lateMs: 200_000 });
    await plant({ uid: b, at: begin + 60_000, status: 'skipped' });
    for (let n = 0; n < 3; n++) await pass();
    expect(await counts()).toEqual([
      { minute: 0, key: null, succeeded: 1, failed: 1 },
      { minute: 1, key: null, skipped: 1 },
    ]);
    expect(await counts({ by: { kind: 'task' } })).toEqual([
      { minute: 0, key: 'a', succeeded: 1, failed: 1 },
      { minute: 1, key: 'b', skipped: 1 },
    ]);
    expect(await counts({ by: { kind: 'status' } })).toEqual([
      { minute: 0, key: 'failed', failed: 1 },
      { minute: 0, key: 'succeeded', succeeded: 1 },
      { minute: 1, key: 'skipped', skipped: 1 },
    ]);
    expect(await counts({ by: { kind: 'label', name: 'team' }, bucket: '1h' })).toEqual([
      { minute: 0, key: null, skipped: 1 },
      { minute: 0, key: 'ops', succeeded: 1, failed: 1 },
    ]);
  });

  test('counts although it was live when its time was counted', async () => {
    const id = await plant({ at: begin, status: 'running', lateMs: 1 });
    await pass();
    expect(await counts()).toEqual([]);
    await db.query(`update runs set status = 'timed_out' where id = $1`, [id]);
    await pass();
    await pass();
    expect(await counts()).toEqual([{ minute: 0, key: null, timed_out: 1 }]);
  });

  test('counts although it was inserted after its time was counted', async () => {
    await moveTo(begin + hour);
    await plant({ at: begin, status: 'succeeded', lateMs: 1 });
    const id = await plant({ uid: b, at: begin, status: 'pending' });
    await pass();
    expect(await counts()).toEqual([{ minute: 0, key: null, succeeded: 1 }]);
    await db.query(`update runs set status = 'cancelled' where id = $1`, [id]);
    await pass();
    expect(await counts()).toEqual([{ minute: 0, key: null, succeeded: 1, cancelled: 1 }]);
  });

  test('counts although its transaction took longer than the roll-up stays behind', async () => {
    const other = openPool(store.url, 'slow');
    const client = await other.pool.connect();
    // Inserted in time, committed late.
    const at = Date.now() - 5_000;
    await client.query('begin');
    await plant({ at, status: 'succeeded', lateMs: 1 }, client);
    await rollUp(database, { ...limits, behindMs: 0 });
    await client.query('commit');
    client.release();
    await rollUp(database, { ...limits, behindMs: 0 });
    expect((await counts({ to: Date.now() + hour })).at(-1)).toMatchObject({ succeeded: 1 });
  });

  test('is not deleted before it is counted', async () => {
    const live = await plant({ at: begin, status: 'running', lateMs: 1 });
    await plant({ at: begin + 1_000, status: 'succeeded', lateMs: 1 });
    await plant({ at: begin + hour, status: 'succeeded', lateMs: 1 });
    const retain = async () => {
      await deleteOldRunsOf(db, [a, b], Date.now(), 100);
      return (await deleteOldRuns(db, Date.now(), null, 100)).deleted;
    };
    expect(await retain()).toBe(0);
    await pass();
    // It ends after its time was counted.
    await db.query(`update runs set status = 'lost' where id = $1`, [live]);
    await plant({ at: begin - hour, status: 'succeeded', lateMs: 1 });
    await retain();
    const left = async () => (await db.query<{ n: number }>('select count(*)::integer as n from runs')).rows[0]?.n;
    expect(await left()).toBe(3);
    await pass();
    await retain();
    expect(await left()).toBe(1);
    expect(await counts({ bucket: '1d' })).toMatchObject([{ succeeded: 3, lost: 1 }]);
  });
});

describe('passes', () => {
  test('of two replicas and of one that dies in the middle count each run once', async () => {
    const other = openPool(store.url, 'other');
    for (let n = 0; n < 500; n++)
      await plant({ uid: n % 2 ? a : b, at: begin + n * 1_000, status: 'succeeded', lateMs: n });
    let statements = 0;
    const dying = {
      ...other,
      pool: {
        ...other.pool,
        async connect() {
          const client = await other.pool.connect();
          return new Proxy(client, {
            get(of, name) {
              const member = Reflect.get(of, name);
              if (name !== 'query') return typeof member === 'function' ? member.bind(of) : member;
              return async (...statement: [string | { name?: string }]) => {
                const [text] = statement;
                const isNoted = typeof text !== 'string' && text.name === 'note-counted';
                if (isNoted && ++statements === 2) await of.query('select pg_terminate_backend(pg_backend_pid())');
                return Reflect.apply(member, of, statement);
              };
            },
          });
        },
      },
    };
    const some = { ...limits, runs: 37 };
    for (let n = 0; n < 12; n++) await Promise.allSettled([rollUp(database, some), rollUp(dying, some)]);
    expect(statements).toBeGreaterThan(1);
    while (await pass());
    const { rows } = await db.query<{ at: Date; n: number }>(
      `select date_trunc('minute', scheduled_for) as at, count(*)::integer as n from runs group by 1 order by 1`,
    );
    expect((await read()).map(({ at, succeeded }) => ({ at, n: succeeded }))).toEqual(
      rows.map(({ at, n }) => ({ at: at.getTime(), n })),
    );
  });

  test('rest after one of any replica', async () => {
    await pass();
    expect(await rollUp(database, { ...limits, restMs: 60_000 })).toBeNull();
  });
});

describe('counts', () => {
  test('agree with the runs in all buckets, whatever is copied already', async () => {
    const statuses: RunStatus[] = ['succeeded', 'succeeded', 'succeeded', 'failed', 'timed_out', 'lost', 'cancelled'];
    await moveTo(begin - 25 * hour);
    for (let n = 0; n < 700; n++)
      await plant({
        ...{
          uid: n % 3 ? a : b,
          at: begin - 24 * hour + n * 133_777,
          status: statuses[n % statuses.length] as RunStatus,
        },
        ...{ lateMs: (n * 7_919) % 20_011, tookMs: (n * n) % 100_003 },
      });
    while ((await rollUp(database, { ...limits, runs: 100 }))?.more) await copyToHours(database, 2);
    for (const [bucket, unit] of [
      ['1m', 'minute'],
      ['1h', 'hour'],
      ['1d', 'day'],
    ] as const) {
      const { rows } = await db.query<{
        at: Date;
        id: string;
        succeeded: number;
        failed: number;
        late: number[];
        took: number[];
      }>(
        `select date_trunc('${unit}', scheduled_for, 'UTC') as at, t.id, count(*) filter (where r.status = 'succeeded')::integer as succeeded,
          count(*) filter (where r.status = 'failed')::integer as failed,
          percentile_disc(array[0.5, 0.99]) within group (order by extract(epoch from started_at - scheduled_for) * 1000)::float8[] as late,
          percentile_disc(array[0.5, 0.99]) within group (order by extract(epoch from finished_at - started_at) * 1000)::float8[] as took
        from runs r join tasks t on t.uid = r.task_uid group by 1, 2 order by 1, 2`,
      );
      const items = await read({ bucket, by: { kind: 'task' }, to: begin + 30 * hour });
      expect(items.map(({ at, key, succeeded, failed }) => [at, key, succeeded, failed])).toEqual(
        rows.map(({ at, id, succeeded, failed }) => [at.getTime(), id, succeeded, failed]),
      );
      items.forEach((item, n) => {
        const found = [item.p50LatenessMs, item.p99LatenessMs, item.p50DurationMs, item.p99DurationMs] as number[];
        const { late = [], took = [] } = rows[n] ?? {};
        [...late, ...took].forEach((exact, place) => {
          expect(Math.abs((found[place] as number) - exact)).toBeLessThanOrEqual(exact * 0.05 + 0.5);
        });
      });
    }
  });

  test('of minutes go once they are in the hours, which go later', async () => {
    await plant({ at: begin, status: 'succeeded', lateMs: 1 });
    await pass();
    expect(await deleteOldMinutes(db, Date.now(), 10)).toBe(0);
    while (await copyToHours(database, 1));
    expect(await deleteOldMinutes(db, Date.now(), 10)).toBe(2);
    expect(await counts()).toEqual([]);
    expect(await counts({ bucket: '1h' })).toEqual([{ minute: 0, key: null, succeeded: 1 }]);
    await deleteOldHours(db, Date.now(), 10);
    expect(await counts({ bucket: '1h' })).toEqual([]);
  });

  test('keep the id and the labels of a task that is deleted and forgotten', async () => {
    const { uid } = await makeTask(db, 'gone', { labels: { team: 'past' } });
    await plant({ uid, at: begin, status: 'succeeded', lateMs: 1 });
    await pass();
    await db.query('update tasks set deleted_at = $2 where uid = $1', [uid, new Date(begin)]);
    await db.query('delete from runs');
    await forgetTombstones(db, Date.now(), 10);
    expect((await db.query('select from tasks where uid = $1', [uid])).rows).toHaveLength(0);
    expect(await counts({ by: { kind: 'task' } })).toEqual([{ minute: 0, key: 'gone', succeeded: 1 }]);
    expect(await counts({ by: { kind: 'label', name: 'team' } })).toEqual([{ minute: 0, key: 'past', succeeded: 1 }]);
  });
});

test('misses count at their last occurrence once they are confirmed, as corrected', async () => {
  const miss = (count: number) =>
    JSON.stringify({ from: new Date(begin), to: new Date(begin + 120_000), count, policy: 'skip' });
  const { rows } = await db.query<{ id: string }>(
    `insert into events (namespace, task_uid, type, at, actor, data)
     select 'default', $1, 'missed', now(), 'scheduler', d::jsonb from unnest($2::text[]) d returning id`,
    [a, [miss(3), miss(50)]],
  );
  await db.query('insert into unconfirmed_misses (event_id, ran) values ($1, 0)', [rows[1]?.id]);
  await pass();
  await pass();
  expect(await counts()).toEqual([{ minute: 2, key: null, missed: 3 }]);
  await db.query(`update events set data = data || '{"count":40}' where id = $1`, [rows[1]?.id]);
  await db.query('delete from unconfirmed_misses');
  await pass();
  await pass();
  expect(await counts({ by: { kind: 'task' } })).toEqual([{ minute: 2, key: 'a', missed: 43 }]);
});
