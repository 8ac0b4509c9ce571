import { beforeAll, describe, expect, test } from 'vitest';
import { misfireRule } from '../../../../src/domain/schedule/misfire.ts';
import { createSweepStep } from '../../../../src/engine/recovery/sweeper.ts';
import { createDueLog } from '../../../../src/engine/timetable/due-log.ts';
import type { Entry } from '../../../../src/engine/timetable/timetable.ts';
import { createTurns } from '../../../../src/turns.ts';
import { silent } from '../../../silent-log.ts';
import { entryOf } from '../../../timetable-entry.ts';
import { watchedTurns } from '../../../turns-watch.ts';
import { makeTask, openStore, runIds, runsOf, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
  await store.db.query('insert into cluster (watermark) values ($1)', [new Date(t0)]);
});

describe('the sweep', () => {
  test('decides about an outage as a whole, whatever part of it had been given out', async () => {
    const { uid, id, scheduleVersion } = await makeTask(store.db, 'gave-up', { overlap: 'allow' });
    const timing = {
      ...{ uid, schedule: { kind: 'every' as const, everyMs: 1_000, anchorMs: t0 }, activeFrom: t0 - 1 },
      ...{ startsAt: null, endsAt: null, jitterMs: 0 },
    };
    const misfire = misfireRule({ policy: 'fire_once', grace: '2s', limit: 1 });
    const entry: Entry = {
      uid,
      id,
      scheduleVersion,
      priority: 5,
      limited: false,
      namespace: 'default',
      timing,
      misfire,
      key: t0 + 21_000,
      place: -1,
    };
    const dueLog = createDueLog();
    const dueAt = (second: number) => ({ entry, instant: t0 + second * 1_000, nextAt: t0 + (second + 1) * 1_000 });
    // Two were given out and never claimed; then the lease was lost; one came again just within its grace.
    dueLog.add([dueAt(1), dueAt(2)], []);
    dueLog.add([dueAt(8)], [{ entry, after: t0 + 2_000, upTo: t0 + 7_500, nextAt: t0 + 8_000 }]);
    const found: number[] = [];
    const step = createSweepStep({
      database: store.database,
      time: { now: () => t0 + 20_000 },
      log: silent,
      lease: { id: () => '00000000-0000-4000-8000-000000000000', held: () => true },
      timetable: { next: () => entry.key },
      dueLog,
      turns: createTurns(() => 0, setImmediate),
      hasNewestZones: () => true,
      runIds,
      followedUntil: () => t0 + 20_000,
      oldestOpen: () => Infinity,
      onFound: (_repaired, missed) => void found.push(missed),
      noteRuns() {},
      onWaiting() {},
    });
    await step();
    expect(found).toEqual([7]);
    expect(await runsOf(store.db, uid)).toMatchObject([{ trigger: 'catch_up', scheduled_for: new Date(t0 + 8_000) }]);
    const { rows } = await store.db.query(
      `select data as changes from events where task_uid = $1 and type = 'missed'`,
      [uid],
    );
    const instant = (second: number) => new Date(t0 + second * 1_000).toISOString();
    expect(rows.map(({ changes }) => changes)).toEqual([
      { from: instant(1), to: instant(7), count: 7, policy: 'fire_once' },
    ]);
  });

  test('decides about an outage of many tasks in turns', async () => {
    const { turns, watch } = watchedTurns();
    const next = (after: number) => {
      watch.now++;
      return (Math.floor(after / 1_000) + 1) * 1_000;
    };
    const count = (after: number, upTo: number) => {
      watch.now++;
      return Math.floor(upTo / 1_000) - Math.floor(after / 1_000);
    };
    const cron = { next, count, leftOut: () => null, changesOfClock: () => [], zoned: false };
    const misfire = misfireRule({ policy: 'fire_all', grace: '2s', limit: 20 });
    const { rows } = await store.db.query<{ watermark: Date }>('select watermark from cluster');
    const watermark = rows[0]?.watermark.getTime() as number;
    const dueLog = createDueLog();
    for (let uid = 1_000; uid < 1_020; uid++) {
      const bounds = { activeFrom: watermark, startsAt: null, endsAt: null, jitterMs: 0 };
      const timing = { uid, schedule: { kind: 'cron' as const, cron }, ...bounds };
      const entry = {
        uid,
        id: `none-${uid}`,
        namespace: 'default',
        scheduleVersion: 1,
        priority: 5,
        limited: false,
        timing,
        misfire,
      };
      const upTo = watermark + 30_000;
      const stretch = { entry: { ...entry, key: Infinity, place: -1 }, after: watermark, upTo, nextAt: upTo + 1_000 };
      dueLog.add([], [stretch]);
    }
    let missed = 0;
    const step = createSweepStep({
      ...{ database: store.database, time: { now: () => watermark + 40_000 }, log: silent, dueLog, turns },
      lease: { id: () => '00000000-0000-4000-8000-000000000000', held: () => true },
      timetable: { next: () => watermark + 31_000 },
      ...{ hasNewestZones: () => true, runIds, followedUntil: () => watermark + 40_000, oldestOpen: () => Infinity },
      onFound(_repaired, found) {
        missed = found;
      },
      noteRuns() {},
      onWaiting() {},
    });
    await step();
    expect(missed).toBe(20 * 10);
    expect(watch.now).toBeGreaterThan(20 * 20);
    expect(watch.longest()).toBeLessThanOrEqual(15);
  });

  test('is left to replicas with newer time zone data, and not forgotten before they have swept it', async () => {
    const dueLog = createDueLog();
    const entry = entryOf({ uid: 1, id: 'left', scheduleVersion: 1 });
    const { rows } = await store.db.query<{ watermark: Date }>('select watermark from cluster');
    const watermark = rows[0]?.watermark.getTime() as number;
    dueLog.add(
      [-1, 1].map((away) => ({ entry, instant: watermark + away, nextAt: Infinity })),
      [],
    );
    const step = createSweepStep({
      database: store.database,
      time: { now: () => watermark + 100_000 },
      log: silent,
      lease: { id: () => '00000000-0000-4000-8000-000000000000', held: () => true },
      timetable: { next: () => Infinity },
      dueLog,
      turns: createTurns(() => 0, setImmediate),
      runIds,
      hasNewestZones: () => false,
      followedUntil: () => Infinity,
      oldestOpen: () => Infinity,
      onFound: () => expect.unreachable(),
      noteRuns: () => expect.unreachable(),
      onWaiting: () => expect.unreachable(),
    });
    await step();
    const { rows: after } = await store.db.query<{ watermark: Date }>('select watermark from cluster');
    expect(after[0]?.watermark.getTime()).toBe(watermark);
    expect(dueLog.within(0, Infinity).due.map(({ instant }) => instant)).toEqual([watermark + 1]);
  });
});
