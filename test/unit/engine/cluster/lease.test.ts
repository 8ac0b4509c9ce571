import { describe, expect, test } from 'vitest';
import { createDatabaseTime } from '../../../../src/engine/cluster/database-time.ts';
import { holdLease } from '../../../../src/engine/cluster/lease.ts';
import { createClock, runDueCallbacks } from '../../../clock.ts';
import { fakeQuery } from '../../../fake-query.ts';
import { silent } from '../../../silent-log.ts';

const ttlMs = 10_000;

/** A lease over a database that answers when, and as, the test says. */
async function start(known: number | null = null) {
  const clock = createClock();
  const asked: { id: string; answer: () => Promise<void>; fail: () => Promise<void> }[] = [];
  const ended: string[] = [];
  const log: string[] = [];
  const query = fakeQuery(({ name, values }) => {
    if (name === undefined) {
      ended.push(values?.[0] as string);
      return Promise.resolve({ rows: [] });
    }
    if (name === 'last-known-time') return Promise.resolve({ rows: [{ known }] });
    return new Promise((resolve, reject) => {
      const act = (work: () => void) => async () => {
        work();
        await runDueCallbacks();
      };
      asked.push({
        id: values?.[0] as string,
        answer: act(() => resolve({ rows: [{ now_ms: clock.monotonic() + 1_000_000, peers: [] }] })),
        fail: act(() => reject(new Error('away'))),
      });
    });
  });
  const time = createDatabaseTime(clock);
  const lease = holdLease({
    db: { query },
    clock,
    time,
    log: silent,
    ttlMs,
    state: () => ({
      version: '1',
      tz: '2025c',
      host: 'h',
      pid: 1,
      running: 0,
      tasksLoaded: 0,
      firing: true,
      breakers: [],
    }),
    onPeers: () => {},
    onHeld: (id) => log.push(`held ${id}`),
    onLost: () => log.push('lost'),
    onJump: (ms) => log.push(`jump ${ms}`),
  });
  const last = () => asked.at(-1) as (typeof asked)[number];
  await runDueCallbacks();
  return { clock, time, lease, asked, ended, log, last };
}

describe('a lease', () => {
  test('is held only after the database has answered', async () => {
    const { lease, last, log } = await start();
    await runDueCallbacks();
    expect([lease.held(), lease.remainingMs(), log]).toEqual([false, 0, []]);
    await last().answer();
    expect([lease.held(), log]).toEqual([true, [`held ${lease.id()}`]]);
    expect(last().id).toBe(lease.id());
  });

  test('counts from before it was asked for, however long the answer took', async () => {
    const { clock, lease, last } = await start();
    await clock.advance(3_000);
    await last().answer();
    expect(lease.remainingMs()).toBe(4_000);
    await clock.advance(3_999);
    expect(lease.held()).toBe(true);
    await clock.advance(1);
    expect(lease.held()).toBe(false);
  });

  test('is not held at all when the answer took longer than it may be believed', async () => {
    const { clock, lease, last, asked, log } = await start();
    await clock.advance(7_000);
    await last().answer();
    expect([lease.held(), log]).toEqual([false, []]);
    await clock.advance(0);
    expect(asked).toHaveLength(2);
    await last().answer();
    expect(lease.held()).toBe(true);
  });

  test('is renewed long before it ends, as the same incarnation', async () => {
    const { clock, lease, last, asked, log } = await start();
    await last().answer();
    const id = lease.id();
    for (let renewal = 0; renewal < 20; renewal++) {
      await clock.advance(ttlMs / 4);
      await last().answer();
      expect([lease.held(), lease.remainingMs()]).toEqual([true, 7_000]);
    }
    expect([asked.length, lease.id(), log]).toEqual([21, id, [`held ${id}`]]);
  });

  test('is lost without renewal while the others still wait for it to end, and comes back as another', async () => {
    const { clock, lease, last, asked, ended, log } = await start();
    await last().answer();
    const first = lease.id();
    await clock.advance(2_500);
    await clock.advance(4_499);
    expect([lease.held(), log.includes('lost')]).toEqual([true, false]);
    await clock.advance(1);
    // 3 s are left of it in the database.
    expect([lease.held(), log]).toEqual([false, [`held ${first}`, 'lost']]);
    expect(lease.id()).not.toBe(first);
    expect(asked).toHaveLength(2);
    await last().answer();
    expect([lease.held(), ended]).toEqual([false, [first]]);
    await clock.advance(0);
    await last().answer();
    expect([lease.held(), last().id, log.at(-1)]).toEqual([true, lease.id(), `held ${lease.id()}`]);
  });

  test('survives failed renewals as long as one comes in time', async () => {
    const { clock, lease, last, log } = await start();
    await last().answer();
    await clock.advance(2_500);
    for (let failure = 0; failure < 10; failure++) {
      await last().fail();
      await clock.advance(250);
    }
    await last().answer();
    await clock.advance(1_000);
    expect([lease.held(), log.length]).toEqual([true, 1]);
  });

  test('is not believed by a process that was frozen, before any of its timers has run', async () => {
    const { clock, lease, last, ended, log } = await start();
    await last().answer();
    const first = lease.id();
    await clock.advance(2_500);
    const late = last();
    clock.freeze(25_000);
    expect([lease.held(), lease.remainingMs()]).toEqual([false, 0]);
    await clock.advance(0);
    expect(log.at(-1)).toBe('lost');
    // The answer from before: it is about an incarnation that is no more.
    await late.answer();
    expect([lease.held(), lease.id() === first, ended]).toEqual([false, false, [first]]);
  });

  test('whose late answer comes before the timers does not come to life again', async () => {
    const { clock, lease, last, log } = await start();
    await last().answer();
    const first = lease.id();
    await clock.advance(2_500);
    clock.freeze(25_000);
    await last().answer();
    expect(lease.held()).toBe(false);
    await clock.advance(0);
    await last().answer();
    await clock.advance(0);
    await last().answer();
    expect([lease.held(), lease.id() === first]).toEqual([true, false]);
    expect(log).toEqual([`held ${first}`, 'lost', `held ${lease.id()}`]);
  });

  test('that is stopped is given up, and not asked for again', async () => {
    const { clock, lease, last, asked, ended } = await start();
    await last().answer();
    const id = lease.id();
    await lease.stop();
    expect([lease.held(), ended]).toEqual([false, [id]]);
    await clock.advance(60_000);
    expect([asked.length, clock.pending()]).toEqual([1, 0]);
  });

  test('that is stopped while it is asked for waits for the answer, to give up what it got', async () => {
    const { lease, last, ended } = await start();
    const stopping = lease.stop();
    await last().answer();
    await stopping;
    expect([lease.held(), ended]).toEqual([false, [last().id]]);
  });

  test('is held too while the database says a time that it had passed already, but there is doubt', async () => {
    for (const [known, doubted] of [
      [1_050_000, false],
      [1_070_000, true],
    ] as const) {
      const { lease, last, time } = await start(known);
      await runDueCallbacks();
      await last().answer();
      expect([lease.held(), time.doubt() !== null]).toEqual([true, doubted]);
    }
  });
});
