import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import { createDispatcherStep } from '../../../../src/engine/attempts/dispatcher.ts';
import { createSlots } from '../../../../src/engine/attempts/slots.ts';
import { type TakenRun, takeWaiting } from '../../../../src/store/runs/claiming/dispatch.ts';
import { type Place, takeInTurns } from '../../../../src/store/runs/claiming/take-in-turns.ts';
import { dueOf, makeTask, openStore, type Store, t0 } from '../store.ts';

let store: Store;
const uids = new Map<string, number>();

beforeAll(async () => {
  store = await openStore();
  for (const of of ['a', 'b', 'c']) {
    const { uid } = await makeTask(store.db, `of-${of}`, { overlap: 'allow' });
    await store.db.query('update tasks set namespace = $2 where uid = $1', [uid, of]);
    uids.set(of, uid);
  }
});
beforeEach(() => store.db.query('truncate runs'));

const now = t0 + 3_600_000;

/** Runs that wait, the first of them due `from` seconds after t0, each a second later. */
async function plant(of: string, count: number, from = 0, limitGroup: string | null = null): Promise<void> {
  const uid = uids.get(of) ?? 0;
  const at = (n: number) => t0 + (from + n) * 1_000;
  await store.db.query(
    `insert into runs (id, namespace, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, attempt,
       max_attempts, created_at, limit_group)
     select g.id, $2, $3, 'manual', 'pending', g.at, g.at, g.at, 0, 1, g.at, $4
     from unnest($1::uuid[], $5::timestamptz[]) as g(id, at)`,
    [
      Array.from({ length: count }, (_, n) => dueOf({ uid, scheduleVersion: 1 }, from + n).runId),
      ...[of, uid, limitGroup],
      Array.from({ length: count }, (_, n) => new Date(at(n)).toISOString()),
    ],
  );
}

const place = (at: number, step = 1, room = 1_000): Place => ({ at, step, room });
const take = (limit: number, places: Record<string, Place> = {}, others = place(0)) =>
  takeInTurns(store.db, randomUUID(), limit, now, new Map(Object.entries(places)), others);

/** How many of each namespace. */
function counts(runs: readonly TakenRun[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { namespace } of runs) found[namespace] = (found[namespace] ?? 0) + 1;
  return found;
}

describe('waiting runs of several namespaces', () => {
  test('are taken by weight, of each namespace by effective due time', async () => {
    await plant('a', 60);
    await plant('b', 60, 1_000);
    const { runs, namespaces, isShared, missed } = await take(40, { a: place(0, 1 / 3), b: place(0, 1) });
    expect(counts(runs)).toEqual({ a: 30, b: 10 });
    for (const [of, from] of [
      ['a', 0],
      ['b', 1_000],
    ] as const) {
      const seconds = runs.filter((run) => run.namespace === of).map((run) => (run.scheduledFor - t0) / 1_000 - from);
      expect(seconds.sort((one, other) => one - other)).toEqual(seconds.map((_, n) => n));
    }
    expect([[...namespaces].sort(), isShared, missed]).toEqual([['a', 'b'], true, false]);
  });

  test('leave no slot free while one of them has runs', async () => {
    await plant('a', 100);
    await plant('b', 3, 1_000);
    expect(counts((await take(50)).runs)).toEqual({ a: 47, b: 3 });
    expect(counts((await take(50)).runs)).toEqual({ a: 50 });
    expect(await take(50)).toMatchObject({ namespaces: ['a'], isShared: false });
  });

  test('wait behind those whose turn it is, and where their namespace has no room', async () => {
    await plant('a', 10);
    await plant('b', 10, 1_000);
    await plant('c', 10, 2_000);
    expect(counts((await take(5, { a: place(9), c: place(0, 1, 2) })).runs)).toEqual({ b: 3, c: 2 });
    expect(counts((await take(50, { a: place(0, 1, 0), b: place(0, 1, -4) }, place(0, 1, 1))).runs)).toEqual({ c: 1 });
  });

  test('are taken once by replicas that take at the same time', async () => {
    await plant('a', 300);
    await plant('b', 300, 1_000);
    const taken: TakenRun[] = [];
    const one = async () => {
      for (let goesOn = true; goesOn; ) {
        const { runs, missed } = await take(40);
        taken.push(...runs);
        goesOn = runs.length > 0 || missed;
      }
    };
    await Promise.all([one(), one(), one()]);
    expect(counts(taken)).toEqual({ a: 300, b: 300 });
    expect(new Set(taken.map(({ runId }) => runId)).size).toBe(600);
  });

  test('are noticed by the statement that takes those of one namespace', async () => {
    await plant('a', 10);
    expect((await takeWaiting(store.db, randomUUID(), 5, now)).isShared).toBe(false);
    await plant('b', 1, 1_000);
    const { runs, isShared } = await takeWaiting(store.db, randomUUID(), 5, now);
    expect([counts(runs), isShared]).toEqual([{ a: 5 }, true]);
  });

  test('are taken by use of their index alone, however many wait', async () => {
    await plant('a', 3_000);
    await plant('b', 5, 5_000);
    await store.db.query('analyze runs');
    const { rows } = await store.db.query<{ 'QUERY PLAN': string }>(
      `explain select r.namespace from runs r where r.status in ('pending', 'retrying') order by r.namespace limit 1`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('Index Only Scan using runs_waiting');
  });
});

describe('the dispatcher of several namespaces', () => {
  test('gives each its turns by weight, and leaves the last slots to those that have less than their share', async () => {
    await plant('a', 400);
    const most = 64;
    const started: TakenRun[] = [];
    const weightOf = (of: string) => (of === 'b' ? 3 : 1);
    const slots = createSlots<never>(most, { weightOf, isShared: () => true });
    const step = createDispatcherStep({
      ...{ database: store.database, weightOf, isShared: () => true, time: { now: () => now } },
      clock: systemClock,
      attempts: {
        ...slots,
        endedPerMs: () => 0,
        start(run: TakenRun) {
          expect(slots.take(run.namespace)).toBe(true);
          started.push(run);
        },
      },
      lease: { id: () => 'f1a5c0de-0000-4000-8000-000000000001', held: () => true },
      metrics: { limitPassed() {}, limitedWaiting() {} },
    });
    await step();
    expect(counts(started)).toEqual({ a: 56 });
    await plant('b', 400, 1_000);
    await step();
    expect(counts(started)).toEqual({ a: 56, b: 8 });
    // All calls end.
    for (const { namespace } of started.splice(0)) slots.giveBack(namespace);
    await step();
    while (slots.free() > 0) await step();
    const { a = 0, b = 0 } = counts(started);
    expect(a + b).toBe(most);
    // One run each is the bound of turns.
    expect(Math.abs(a - b / 3)).toBeLessThan(1.4);
  });
});
