/** Two replicas with different time zone data: a day is run once, by the newest. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { startReplica } from '../services/process.ts';
import { noPostgres } from '../services/provided.ts';
import { createScratchFolder } from '../services/scratch.ts';
import { startTarget, type Target } from '../target.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const own = process.versions.tz as string;

/** In this zone the clock shows six hours more than UTC by the data of 2019, and five by those since 2024. */
const zone = 'Asia/Almaty';
const hourMs = 3_600_000;
const today = { old: 6 * hourMs, new: 5 * hourMs };

/** Once a day at the time that the clock in the zone shows `at` (epoch milliseconds) by an offset. */
function dailyAt(at: number, offset: number) {
  const wall = new Date(at + offset);
  const time = `${wall.getUTCSeconds()} ${wall.getUTCMinutes()} ${wall.getUTCHours()}`;
  return { cron: `${time} * * *`, timezone: zone };
}

const wholeSecond = (ms: number) => Math.ceil(ms / 1_000) * 1_000;

async function startPair() {
  const folder = await createScratchFolder(undefined);
  const packed = await readFile(new URL('zone-data/zoneinfo64-2019c.res.gz', import.meta.url));
  await writeFile(join(folder, 'zoneinfo64.res'), gunzipSync(packed));
  const database = await createDatabase();
  const env = { DATABASE_URL: database.url, LEASE_TTL: '2s' };
  const start = async (more: Record<string, string>) => {
    const replica = await startReplica({ env: { ...env, ...more } });
    const http = supertest(replica.url);
    await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
    return { ...replica, http };
  };
  const older = await start({ ICU_TIMEZONE_FILES_DIR: folder });
  const newer = await start({});
  const metric = async ({ http }: typeof older, name: string) =>
    Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec((await http.get('/metrics')).text)?.[1]);
  await poll(async () => (await metric(older, 'scheduler_tz_outdated')) === 1, { what: 'the older one to know' });
  await poll(async () => (await metric(newer, 'scheduler_tz_versions')) === 2, { what: 'the newer one to know' });
  return { older, newer, metric };
}

describe.skipIf(noPostgres)('a replica with older time zone data', () => {
  test('leaves tasks in a zone to the others, takes part in all else, and takes them up when it is alone', async () => {
    const { older, newer, metric } = await startPair();

    // What tells about it.
    const { body } = await older.http.get('/cluster').expect(200);
    expect(body.replicas.map(({ tz }: { tz: string }) => tz).sort()).toEqual(['2019c', own].sort());
    expect((await older.http.get('/metrics')).text).toContain('scheduler_tz_info{version="2019c"} 1');
    expect(await metric(newer, 'scheduler_tz_outdated')).toBe(0);
    expect(older.logs().find(({ msg }) => msg === 'listening')).toMatchObject({ tz: '2019c' });
    for (const replica of [older, newer])
      await poll(
        () =>
          replica.logs().some(({ level, msg }) => level === 'error' && /different time zone data/.test(String(msg))),
        { what: 'the alarm' },
      );

    // Both daily tasks come due within seconds by one of the two, and an hour away by the other.
    const now = Date.parse((await newer.http.get('/livez')).headers.date as string);
    const soon = wholeSecond(now) + 5_000;
    const make = (id: string, schedule: unknown) =>
      newer.http
        .put(`/tasks/${id}`)
        .send({ schedule, overlap: 'allow', target: `${target.url}/${id}` })
        .expect(201);
    await make('by-old', dailyAt(soon, today.old));
    await make('by-new', dailyAt(soon, today.new));
    for (let place = 0; place < 10; place++) await make(`plain-${place}`, '* * * * * *');
    const runs = async (id: string) => (await newer.http.get(`/tasks/${id}/runs?limit=200`)).body.items;
    await poll(async () => (await runs('by-new')).length > 0, { what: 'the task that is due by the newer data' });
    const { body: swept } = await older.http.get('/cluster');
    const olderId = swept.replicas.find(({ tz }: { tz: string }) => tz === '2019c').id;
    const plain = async () => (await Promise.all(Array.from({ length: 10 }, (_, n) => runs(`plain-${n}`)))).flat();
    await poll(async () => (await plain()).some(({ replica }) => replica === olderId), { what: 'a run by the older' });
    // Beyond the time that the sweep leaves to whoever claims.
    await poll(
      async () =>
        (await runs('plain-0')).some((run: { scheduledFor: string }) => Date.parse(run.scheduledFor) > soon + 4_000),
      { what: 'later runs', withinMs: 30_000 },
    );
    expect(await runs('by-old')).toEqual([]);
    expect(await runs('by-new')).toHaveLength(1);
    expect((await runs('by-new'))[0]).toMatchObject({ scheduledFor: new Date(soon).toISOString() });
    expect((await older.http.get('/tasks/by-old/misses').expect(200)).body.items).toEqual([]);
    expect(
      (await newer.http.get('/cluster')).body.replicas.find(({ tz }: { tz: string }) => tz === '2019c').duties,
    ).toEqual([]);

    // What it tells, and what it refuses to decide.
    const schedule = dailyAt(soon, today.old);
    const { body: preview } = await older.http.post('/schedules/preview').send({ schedule }).expect(200);
    expect(preview.warnings.map(({ code }: { code: string }) => code)).toContain('zone_data_outdated');
    const { body: right } = await newer.http.post('/schedules/preview').send({ schedule }).expect(200);
    expect(right.warnings).toEqual([]);
    const past = { from: new Date(soon - 86_400_000).toISOString(), to: new Date(soon - hourMs).toISOString() };
    await older.http.post('/tasks/by-old/backfill').send(past).expect(503).expect('retry-after', '1');
    await older.http
      .post('/tasks/plain-0/backfill')
      .send({ ...past, limit: 1 })
      .expect(202);

    // Alone it is as good as it can be.
    newer.kill('SIGKILL');
    await newer.exited;
    await poll(async () => (await metric(older, 'scheduler_tz_outdated')) === 0, { what: 'the older one to be alone' });
    await older.http
      .put('/tasks/alone')
      .send({ schedule: { cron: '* * * * * *', timezone: zone }, target: `${target.url}/alone` })
      .expect(201);
    await poll(async () => (await older.http.get('/tasks/alone/runs')).body.items.length > 0, {
      what: 'a run of its own',
    });
  }, 120_000);
});
