import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { beforeAll, describe, expect, test } from 'vitest';
import { misfireRule } from '../../../../src/domain/schedule/misfire.ts';
import type { Attempts } from '../../../../src/engine/attempts/attempts.ts';
import { createDatabaseTime } from '../../../../src/engine/cluster/database-time.ts';
import { createClaiming } from '../../../../src/engine/firing/claiming.ts';
import type { PreClaimer } from '../../../../src/engine/firing/pre-claimer.ts';
import { startScheduler } from '../../../../src/engine/firing/scheduler.ts';
import { createDueLog } from '../../../../src/engine/timetable/due-log.ts';
import { createTimetable } from '../../../../src/engine/timetable/timetable.ts';
import { noLock, type OccurrenceLock } from '../../../../src/redis/lock.ts';
import type { TaskSnapshot } from '../../../../src/store/runs/claiming/claims.ts';
import { claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { type TakenRun, takeUnconfirmed } from '../../../../src/store/runs/claiming/dispatch.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { createClock } from '../../../clock.ts';
import { fakeQuery } from '../../../fake-query.ts';
import { silent } from '../../../silent-log.ts';
import { dueOf, makeTask, openStore, runIds, runsOf, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

/** A scheduler over the real store; `around` may fail or delay a statement, before or after it is carried out. */
function start(
  tasks: Task[],
  around: (name: string, run: () => Promise<unknown>) => Promise<unknown>,
  grace = '1m',
  snapshots = new LRUCache<number, TaskSnapshot>({ max: 100 }),
  isOwn: (uid: number) => boolean = () => true,
  lock: OccurrenceLock = noLock,
  busy = { calls: false, free: 100, running: 0 },
  mayClaim: (zoned: boolean) => boolean = () => true,
  first: PreClaimer['first'] = () => null,
) {
  const clock = createClock(t0);
  const owner = randomUUID();
  const started: TakenRun[] = [];
  const timetable = createTimetable();
  const misfire = misfireRule({ policy: 'skip', grace, limit: 1 });
  for (const { uid, id, scheduleVersion } of tasks) {
    const timing = {
      uid,
      schedule: { kind: 'at' as const, atMs: t0 },
      activeFrom: t0 - 1,
      startsAt: null,
      endsAt: null,
      jitterMs: 0,
    };
    timetable.put(
      { uid, id, namespace: 'default', scheduleVersion, priority: 5, limited: false, timing, misfire },
      t0 - 1,
    );
  }
  const attempts: Attempts = {
    free: () => busy.free,
    room: () => busy.free,
    owed: () => busy.free,
    hasOpened: () => false,
    endedPerMs: () => 0,
    reserve: () => ({ release() {} }),
    running: () => busy.running,
    callsWait: () => busy.calls,
    inHand: () => new Set(),
    abort: () => false,
    abortAll() {},
    idle: async () => true,
    start: (run) => void started.push(run),
  };
  let underWay = 0;
  const query = fakeQuery((statement) => {
    underWay++;
    return around(statement.name ?? '', () => store.db.query(statement)).finally(() => underWay--);
  });
  const time = createDatabaseTime(clock);
  const lease = { id: () => owner, held: () => true };
  const claim = createClaiming({
    ...{
      database: { ...store.database, pool: { ...store.database.pool, query } },
      time,
      attempts,
      lease,
      lock,
      lockTtlMs: 10_000,
      runIds,
      snapshots,
    },
    ...{ onClaims() {}, onExhausted() {}, onReplaced() {}, onWaiting() {}, onStale() {}, noteRuns() {}, prepare() {} },
  });
  const preClaimer = { takeIn: () => [], first, take() {}, oldest: () => Infinity };
  const scheduler = startScheduler({
    ...{
      clock,
      time,
      log: silent,
      timetable,
      attempts,
      weightOf: () => 1,
      lease,
      claim,
      preClaimer,
      isOwn,
      mayClaim,
      dueLog: createDueLog(),
    },
    ...{ onClaims() {}, onExhausted() {} },
  });
  /** Lets the scheduler work for some seconds of its own time. */
  const pass = async (ms: number) => {
    for (let step = 0; step < ms; step += 50) {
      await clock.advance(50);
      // A claim is several statements, each of which takes longer on a busy machine. One that a test holds back is not
      // waited for.
      for (let round = 0, quiet = 0; quiet < 3 && round < 200; round++) {
        await store.db.query('select 1');
        quiet = underWay > 0 ? 0 : quiet + 1;
      }
    }
  };
  return { scheduler, started, busy, pass, owner, timetable, clock };
}

describe('a claim that fails half way', () => {
  test('starts no attempt a second time', async () => {
    const [free, busy] = [await makeTask(store.db, 'free', { overlap: 'allow' }), await makeTask(store.db, 'busy')];
    await claimOccurrences(store.db, [dueOf(busy, -60)], { owner: randomUUID(), now: t0, trigger: 'schedule' }, false);
    let failures = 1;
    const { started, pass } = start([free, busy], async (name, run) => {
      if (name === 'record-overlaps' && failures-- > 0) throw Object.assign(new Error('lost'), { code: 'ECONNRESET' });
      return run();
    });
    await pass(2_000);
    expect(started.map(({ runId }) => runId)).toEqual([dueOf(free, 0).runId]);
  });

  test('leaves no run of ours that nobody carries out, however short the grace', async () => {
    const task = await makeTask(store.db, 'hasty', { overlap: 'allow' });
    let cut = true;
    const { started, pass, owner } = start(
      [task],
      async (name, run) => {
        const answer = await run();
        // The commit went through, the answer was lost.
        if (name === 'claim' && cut) {
          cut = false;
          throw Object.assign(new Error('lost'), { code: 'ECONNRESET' });
        }
        return answer;
      },
      '100ms',
    );
    await pass(2_000);
    expect(await runsOf(store.db, task.uid)).toMatchObject([{ status: 'running', owner }]);
    expect(started).toHaveLength(1);
  });

  test('starts what it claimed although the cache let go of the plan meanwhile', async () => {
    const [one, two] = [
      await makeTask(store.db, 'gone-1', { overlap: 'allow' }),
      await makeTask(store.db, 'gone-2', { overlap: 'allow' }),
    ];
    const snapshots = new LRUCache<number, TaskSnapshot>({ max: 2 });
    for (const { snapshot, uid } of await plansOf([one, two])) snapshots.set(uid, snapshot);
    const around = async (name: string, run: () => Promise<unknown>) => {
      const answer = await run();
      if (name === 'claim') for (const uid of [-1, -2]) snapshots.set(uid, {} as TaskSnapshot); // Others push both out.
      return answer;
    };
    const made = start([one, two], around, '1m', snapshots);
    await made.pass(2_000);
    expect(made.started.map(({ runId }) => runId).sort()).toEqual(
      [dueOf(one, 0), dueOf(two, 0)].map(({ runId }) => runId).sort(),
    );
  });
});

describe('what waits for slots', () => {
  const passOn = (_name: string, run: () => Promise<unknown>) => run();
  const startFull = (tasks: Task[], around: Parameters<typeof start>[1]) =>
    start(tasks, around, '1m', undefined, undefined, undefined, { calls: false, free: 0, running: 100 });
  /** Lets statements under way come to their end; no time passes for the scheduler. */
  const complete = async () => {
    for (let round = 0; round < 5; round++) await store.db.query('select 1');
  };
  const made = (names: readonly string[]) =>
    Promise.all(names.map((name) => makeTask(store.db, name, { overlap: 'allow' })));

  test('is claimed as soon as one is free, at no later tick', async () => {
    const { scheduler, started, busy, pass } = startFull(await made(['patient']), passOn);
    await pass(200);
    expect(started).toHaveLength(0);
    Object.assign(busy, { free: 1, running: 0 });
    scheduler.slotFree();
    await expect.poll(() => started.length).toBe(1);
  });

  test('shares a claim where slots become free one by one', async () => {
    const tasks = await made(Array.from({ length: 20 }, (_, n) => `gathered-${n}`));
    let claims = 0;
    const around = (name: string, run: () => Promise<unknown>) => {
      if (name === 'claim') claims++;
      return run();
    };
    const { scheduler, started, busy, clock } = startFull(tasks, around);
    await clock.advance(10);
    for (let free = 1; free <= 10; free++) {
      busy.free = free;
      scheduler.slotFree();
    }
    await complete();
    expect(claims).toBe(0);
    await clock.advance(8);
    await expect.poll(() => started.length).toBe(20);
    expect(claims).toBe(2);
  });
});

describe('an occurrence of another replica', () => {
  const passOn = (_name: string, run: () => Promise<unknown>) => run();
  const others = (...tasks: Task[]) => {
    const uids = new Set(tasks.map(({ uid }) => uid));
    return (uid: number) => !uids.has(uid);
  };

  test('is left to it, and claimed half a second later where it did not come', async () => {
    const [own, foreign] = [await makeTask(store.db, 'own'), await makeTask(store.db, 'foreign')];
    const snapshots = new LRUCache<number, TaskSnapshot>({ max: 100 });
    const { started, pass, scheduler } = start([own, foreign], passOn, '1s', snapshots, others(foreign));
    await pass(450);
    expect(started.map(({ runId }) => runId)).toEqual([dueOf(own, 0).runId]);
    // The sweep must not take it for nobody's meanwhile.
    expect(scheduler.oldestOpen()).toBe(t0);
    await pass(300);
    expect(started.map(({ runId }) => runId)).toEqual([dueOf(own, 0).runId, dueOf(foreign, 0).runId]);
    expect(scheduler.oldestOpen()).toBe(Infinity);
  });

  test('is left to it for longer while calls wait, but not beyond the least grace', async () => {
    const foreign = await makeTask(store.db, 'foreign-in-a-burst');
    const snapshots = new LRUCache<number, TaskSnapshot>({ max: 100 });
    const { started, busy, pass } = start([foreign], passOn, '1s', snapshots, others(foreign));
    busy.calls = true;
    await pass(800);
    expect(started).toEqual([]);
    await pass(150);
    expect(started.map(({ runId }) => runId)).toEqual([dueOf(foreign, 0).runId]);
  });

  test('is not started where it came', async () => {
    const foreign = await makeTask(store.db, 'carried-out');
    const snapshots = new LRUCache<number, TaskSnapshot>({ max: 100 });
    const { started, pass } = start([foreign], passOn, '1s', snapshots, others(foreign));
    await pass(200);
    const owner = randomUUID();
    await claimOccurrences(store.db, [dueOf(foreign, 0)], { owner, now: t0, trigger: 'schedule' }, false);
    await pass(1_000);
    expect(started).toEqual([]);
    expect(await runsOf(store.db, foreign.uid)).toMatchObject([{ status: 'running', owner }]);
  });

  test('is not claimed at all where it is not for this replica to decide, and does not hold up the sweep', async () => {
    const task = await makeTask(store.db, 'in-a-zone');
    const snapshots = new LRUCache<number, TaskSnapshot>({ max: 100 });
    const { started, pass, scheduler } = start(
      [task],
      passOn,
      '1s',
      snapshots,
      undefined,
      undefined,
      undefined,
      () => false,
    );
    await pass(1_000);
    expect(started).toEqual([]);
    expect(scheduler.oldestOpen()).toBe(Infinity);
  });

  test('is claimed in the end where a lock is held by nobody who lives', async () => {
    const task = await makeTask(store.db, 'locked-out');
    const asked: number[] = [];
    const refusing: OccurrenceLock = {
      async take(keys) {
        asked.push(keys.length);
        return keys.map(() => false);
      },
    };
    const snapshots = new LRUCache<number, TaskSnapshot>({ max: 100 });
    const { started, pass } = start([task], passOn, '1s', snapshots, () => true, refusing);
    await pass(450);
    expect(started).toEqual([]);
    await pass(300);
    expect(started.map(({ runId }) => runId)).toEqual([dueOf(task, 0).runId]);
    expect(asked).toEqual([1]);
  });

  test.each([1, 12_000])('does not keep %i of its own waiting, however many they are', async (count) => {
    const [own, foreign] = [await makeTask(store.db, `own-${count}`), await makeTask(store.db, `many-${count}`)];
    const many = Array.from({ length: count }, (_, place) => ({ ...foreign, uid: 1_000_000 + place }));
    const snapshots = new LRUCache<number, TaskSnapshot>({ max: 100 });
    const { started, pass } = start([...many, own], passOn, '1s', snapshots, others(...many));
    await pass(100);
    expect(started.map(({ runId }) => runId)).toEqual([dueOf(own, 0).runId]);
  });
});

describe('what is urgent', () => {
  test('does not wait for claims that are under way, nor behind thousands that are due', async () => {
    const [burst, urgent, usual] = [
      await makeTask(store.db, 'burst', { overlap: 'allow' }),
      await makeTask(store.db, 'urgent'),
      await makeTask(store.db, 'usual'),
    ];
    const many = Array.from({ length: 6_000 }, (_, place) => ({
      ...burst,
      uid: place === 0 ? burst.uid : 2_000_000 + place,
    }));
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let claims = 0;
    const { started, pass, scheduler, timetable } = start(many, async (name, run) => {
      if (name === 'claim' && ++claims <= 2) await answered;
      return run();
    });
    await pass(100);
    expect(claims).toBe(2);
    const misfire = misfireRule({ policy: 'skip', grace: '1m', limit: 1 });
    for (const [{ uid, id, scheduleVersion }, priority] of [
      [usual, 5],
      [urgent, 9],
    ] as const) {
      const schedule = { kind: 'at' as const, atMs: t0 + 300 };
      const timing = { uid, schedule, activeFrom: t0, startsAt: null, endsAt: null, jitterMs: 0 };
      timetable.put({ uid, id, namespace: 'default', scheduleVersion, priority, limited: false, timing, misfire }, t0);
    }
    scheduler.wake();
    await pass(400);
    expect(started.map(({ snapshot }) => snapshot.taskId)).toEqual(['urgent']);
    answer();
    // As long as Postgres takes for a dozen claims.
    for (let turns = 0; started.length < 3 && turns < 200; turns++) await pass(100);
    expect(started.map(({ snapshot }) => snapshot.taskId).sort()).toEqual(['burst', 'urgent', 'usual']);
  });
});

describe('a pre-claimed batch that waits for slots', () => {
  test('does not hold up another namespace', async () => {
    const own = await makeTask(store.db, 'beside-a-batch');
    const order = { effectiveDueAt: (of?: string) => (of === 'default' ? Infinity : t0 - 60_000), fits: () => false };
    const first = () => ({ due: [], order, commit: () => Promise.reject(new Error('there are no slots')) });
    const busy = { calls: false, free: 100, running: 400 };
    const { started, pass, scheduler, timetable } = start(
      [own],
      (_, run) => run(),
      '1m',
      undefined,
      undefined,
      noLock,
      busy,
      undefined,
      first,
    );
    const schedule = { kind: 'at' as const, atMs: t0 + 60_000 };
    const timing = { uid: 3_000_000, schedule, activeFrom: t0, startsAt: null, endsAt: null, jitterMs: 0 };
    const misfire = misfireRule({ policy: 'skip', grace: '1m', limit: 1 });
    const other = { uid: 3_000_000, id: 'other', namespace: 'a', scheduleVersion: 1, priority: 5, limited: false };
    timetable.put({ ...other, timing, misfire }, t0);
    scheduler.wake();
    await pass(50);
    expect(started.map(({ runId }) => runId)).toEqual([dueOf(own, 0).runId]);
  });
});

async function plansOf(tasks: Task[]) {
  const owner = randomUUID();
  const due = tasks.map((task) => dueOf(task, -100));
  await claimOccurrences(store.db, due, { owner, now: t0, trigger: 'schedule' }, false);
  return takeUnconfirmed(
    store.db,
    owner,
    due.map(({ runId }) => runId),
  );
}
