/** A burst on a real replica: pre-claimed before its instant, and none of the promises given up for it. */

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { instantOfRunId } from '../../src/domain/schedule/occurrence.ts';
import { startApiProcess } from '../integration/api/client.ts';
import { poll } from '../poll.ts';
import { noPostgres } from '../services/provided.ts';
import { startTarget, type Target } from '../target.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const size = 200;
const everyMs = 3_000;
/** A stop so long before an instant is known to the replica by then. */
const marginMs = 200;

async function start(path: string) {
  const api = await startApiProcess({ LEASE_TTL: '2s' });
  const client = new pg.Client({ connectionString: api.database.url });
  await client.connect();
  const items = Array.from({ length: size }, (_, place) => ({
    id: `burst-${place}`,
    schedule: { every: `${everyMs}ms`, anchor: new Date(0).toISOString() },
    target: `${target.url}/${path}/${place}`,
  }));
  await api.http.post('/tasks/batch').send({ items }).expect(200);
  /**
   * Resolves with the instant of a burst as soon as it is written, and with how many runs of the future can be seen
   * then.
   */
  const preClaimed = () =>
    poll(
      async () => {
        const { rows } = await client.query(
          `select count(*)::integer as open, extract(epoch from clock_timestamp()) * 1000 as now,
            (select count(*)::integer from runs where scheduled_for > clock_timestamp()) as ahead from pg_stat_activity
          where application_name = 'punctual claims' and datname = current_database() and state = 'idle in transaction'`,
        );
        const instant = Math.ceil(Number(rows[0].now) / everyMs) * everyMs;
        return rows[0].open === 1 && { instant, ahead: rows[0].ahead as number };
      },
      // A machine that is busy may miss some.
      { what: 'a burst to be pre-claimed', everyMs: 5, withinMs: 30_000 },
    );
  const calls = () =>
    target.requests
      .filter((request) => request.path.startsWith(`/${path}/`))
      .map(({ path, at, headers }) => {
        const runId = String(headers['x-run-id']);
        return { path, at, runId, instant: instantOfRunId(runId) };
      });
  return { api, preClaimed, calls, end: () => client.end() };
}

describe.skipIf(noPostgres)('two hundred tasks of one instant', () => {
  test('are written before it, called at it and once, but for those that were stopped just before', async () => {
    const { api, preClaimed, calls, end } = await start('on-time');
    const { instant, ahead } = await preClaimed();
    expect(ahead).toBe(0);
    const { body: stopped } = await api.http.post('/tasks/burst-7/stop').expect(200);
    const later = (n: number) => calls().filter((call) => call.instant === instant + n * everyMs);
    await target.waitFor(() => later(2).length === size - 1, 20_000);
    expect(later(1)).toHaveLength(size - 1);
    expect(later(0).length).toBeGreaterThanOrEqual(size - 1);
    // What was committed before the stop was heard of has begun, and may wait for one of the 64 connections.
    const hasBegun = Date.parse(stopped.updatedAt) > instant - marginMs;
    const ofStopped = calls().filter(({ path }) => path.endsWith('/7'));
    expect(Math.max(0, ...ofStopped.map((call) => call.instant))).toBeLessThan(hasBegun ? instant + everyMs : instant);
    expect(new Set(calls().map(({ runId }) => runId)).size).toBe(calls().length);
    // Two clocks of one machine may be some milliseconds apart.
    expect(calls().filter((call) => performance.timeOrigin + call.at < call.instant - 5)).toEqual([]);
    for (const { startedAt, scheduledFor } of (await api.http.get('/tasks/burst-1/runs')).body.items)
      expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(Date.parse(scheduledFor));
    const { text } = await api.http.get('/metrics');
    expect(Number(/scheduler_claims_total\{outcome="pre_claimed"\} (\d+)/.exec(text)?.[1])).toBeGreaterThanOrEqual(
      size - 1,
    );
    await end();
  }, 60_000);

  test('are all called once when the replica that wrote them is killed before', async () => {
    const { api, preClaimed, calls, end } = await start('killed');
    const { instant } = await preClaimed();
    await api.restart();
    const late = () => calls().filter((call) => call.instant === instant);
    await target.waitFor(() => late().length >= size && calls().some((call) => call.instant > instant), 20_000);
    expect(new Set(calls().map(({ runId }) => runId)).size).toBe(calls().length);
    expect(late()).toHaveLength(size);
    await end();
  }, 60_000);
});
