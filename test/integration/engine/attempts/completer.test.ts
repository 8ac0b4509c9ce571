import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCompleter, type PendingOutcomeWrite } from '../../../../src/engine/attempts/completer.ts';
import { claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import type { OutcomeWrite } from '../../../../src/store/runs/completing/outcome-writes.ts';
import { createClock, type HandClock, runDueCallbacks } from '../../../clock.ts';
import { fakeQuery } from '../../../fake-query.ts';
import { poll } from '../../../poll.ts';
import { silent } from '../../../silent-log.ts';
import { dueOf, makeTask, openStore, readRun, type Store, t0 } from '../../store/store.ts';

let store: Store;
let ids: string[];
const owner = randomUUID();
let round = 0;

beforeAll(async () => {
  store = await openStore();
});
beforeEach(async () => {
  const task = await makeTask(store.db, `settled-${round++}`, { overlap: 'allow' });
  const due = Array.from({ length: 40 }, (_, second) => dueOf(task, second));
  await claimOccurrences(store.db, due, { owner, now: t0, trigger: 'schedule' }, false);
  ids = due.map(({ runId }) => runId);
});

/** The store, with the sizes of the batches it was given; `fail` is asked before each. */
function start(fail: () => Error | null = () => null) {
  const clock = createClock();
  const waits = { calls: false, shared: false };
  const batches: number[] = [];
  const query = fakeQuery(async (statement) => {
    batches.push(String(statement.values?.[1]).split(',').length);
    const error = fail();
    if (error) throw error;
    return store.db.query(statement);
  });
  const completer = createCompleter(
    { query },
    clock,
    silent,
    () => waits.calls,
    () => waits.shared,
  );
  const done = new Map<string, boolean>();
  const add = (runId: string, change: Partial<OutcomeWrite> = {}, by = owner, deferUntil = 0) => {
    const outcomeWrite: OutcomeWrite = {
      runId,
      attempt: 1,
      status: 'succeeded',
      startedAt: t0,
      finishedAt: t0 + 5,
      detail: { httpStatus: 200 },
      output: 'ok',
      truncated: false,
      error: null,
      reason: null,
      record: null,
      retryAt: null,
      ...change,
    };
    const item: PendingOutcomeWrite = {
      owner: by,
      deferUntil,
      outcomeWrite,
      done: (written) => done.set(runId, written),
    };
    completer.add(item);
  };
  const allDone = (count: number) => poll(() => done.size === count, { what: `${count} settlements` });
  return { clock, waits, completer, batches, done, add, allDone };
}

/** Moves the clock on until `holds`. */
const advanceUntil = (clock: HandClock, holds: () => boolean, stepMs = 250) =>
  poll(
    async () => {
      await clock.advance(stepMs);
      return holds();
    },
    { what: 'it, with time moving on', everyMs: 1 },
  );

const away = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const status = async (id: string) => (await readRun(store.db, id)).status;

describe('the settler', () => {
  test('writes what comes together with one statement, and what comes meanwhile with the next', async () => {
    const { add, batches, allDone, done } = start();
    for (const id of ids.slice(0, 10)) add(id);
    await poll(() => batches.length === 1, { what: 'the first statement', everyMs: 1 });
    for (const id of ids.slice(10)) add(id);
    await allDone(40);
    expect(batches).toEqual([10, 30]);
    expect([...done.values()].every((written) => written)).toBe(true);
    for (const id of ids) expect(await status(id)).toBe('succeeded');
  });

  test('gathers few writes for some milliseconds where namespaces share the replica', async () => {
    const { add, clock, batches, done, waits } = start(() => {
      if (batches.length === 1) add(ids[1] as string);
      return null;
    });
    waits.shared = true;
    add(ids[0] as string);
    await poll(() => done.size === 1, { what: 'the end of the first statement', everyMs: 1 });
    add(ids[2] as string);
    await clock.advance(9);
    expect(batches).toEqual([1]);
    await advanceUntil(clock, () => done.size === 3, 1);
    expect(batches).toEqual([1, 2]);
  });

  test('puts off what may wait while calls do, until its time is over, but nothing else', async () => {
    const { add, clock, completer, waits, batches, done } = start();
    const [patient, later, prompt] = ids as [string, string, string];
    waits.calls = true;
    const until = clock.monotonic() + 500;
    add(patient, {}, owner, until);
    add(later, {}, owner, until + 10_000);
    add(prompt);
    await advanceUntil(clock, () => done.size === 1, 10);
    expect([...done.keys(), ...batches]).toEqual([prompt, 1]);
    expect(completer.holds().sort()).toEqual([patient, later].sort());
    await advanceUntil(clock, () => done.size === 2, 10);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(until);
    expect([done.has(patient), done.has(later)]).toEqual([true, false]);
    waits.calls = false;
    await advanceUntil(clock, () => done.size === 3, 10);
    expect(clock.monotonic()).toBeLessThan(until + 10_000);
  });

  test('writes at once what would have to come before others that are put off', async () => {
    const { add, clock, completer, waits, done } = start();
    const [patient, hasty] = ids as [string, string];
    waits.calls = true;
    const until = clock.monotonic() + 500;
    add(patient, {}, owner, until);
    add(hasty, {}, owner, until - 100);
    await advanceUntil(clock, () => done.size === 1, 10);
    expect(clock.monotonic()).toBeLessThan(until - 100);
    expect([...done.keys(), ...completer.holds()]).toEqual([hasty, patient]);
    await advanceUntil(clock, () => done.size === 2, 10);
  });

  test('puts nothing off once it is to come to an end', async () => {
    const { add, clock, completer, waits, done } = start();
    waits.calls = true;
    add(ids[0] as string, {}, owner, Infinity);
    await runDueCallbacks();
    const drained = completer.drain(1_000);
    await advanceUntil(clock, () => done.size === 1, 10);
    await drained;
    expect(await status(ids[0] as string)).toBe('succeeded');
  });

  test('tells of an outcome that was fenced off, and writes the others', async () => {
    const { add, allDone, done } = start();
    const [first, second, third] = ids as [string, string, string];
    add(first);
    add(second, { attempt: 2 });
    add(third, {}, randomUUID());
    await allDone(3);
    expect([done.get(first), done.get(second), done.get(third)]).toEqual([true, false, false]);
    expect([await status(second), await status(third)]).toEqual(['running', 'running']);
  });

  test('keeps what it has while the store is away, and writes it with all that came meanwhile', async () => {
    let isAway = true;
    const { add, clock, batches, allDone, done } = start(() => (isAway ? away() : null));
    add(ids[0] as string, { output: 'kept' });
    await advanceUntil(clock, () => batches.length === 5);
    expect([done.size, new Set(batches)]).toEqual([0, new Set([1])]);
    for (const id of ids.slice(1)) add(id);
    await advanceUntil(clock, () => batches.at(-1) === 40);
    isAway = false;
    await advanceUntil(clock, () => done.size === 40);
    await allDone(40);
    expect((await readRun(store.db, ids[0] as string)).output).toBe('kept');
  });

  test('keeps an outcome whole through errors that are not about it', async () => {
    let failures = 3;
    const { add, clock, done } = start(() => (failures-- > 0 ? new Error('whatever') : null));
    add(ids[0] as string, { output: 'kept' });
    await advanceUntil(clock, () => done.size === 1);
    expect((await readRun(store.db, ids[0] as string)).output).toBe('kept');
  });

  test('finds the outcomes that Postgres refuses, without making the others wait', async () => {
    const { add, batches, allDone, done } = start();
    const failure = { kind: 'internal' as const, message: 'bad \0 byte' };
    const record = {
      attempt: 1,
      status: 'failed',
      startedAt: 'x',
      finishedAt: 'y',
      error: failure,
      httpStatus: 500,
    };
    const poison: Record<number, Partial<OutcomeWrite>> = {
      7: { output: 'a\0b' },
      20: { status: 'failed', error: failure, record },
      39: { output: '\0' },
    };
    for (const [place, id] of ids.entries()) add(id, poison[place]);
    // The clock stands still: nothing of this waits.
    await allDone(40);
    expect([...done.values()].every((written) => written)).toBe(true);
    expect(batches.length).toBeLessThan(50);
    for (const [place, id] of ids.entries())
      expect(await readRun(store.db, id)).toMatchObject({
        status: place === 20 ? 'failed' : 'succeeded',
        output: place in poison ? null : 'ok',
      });
    expect(await readRun(store.db, ids[20] as string)).toMatchObject({
      error_kind: 'internal',
      error_message: 'the outcome could not be stored as it was',
      attempts: [{ attempt: 1, status: 'failed' }],
    });
  });

  test('drains: at once when there is nothing, else when all is written, or when the time is over', async () => {
    let isAway = false;
    const { add, clock, completer, done } = start(() => (isAway ? away() : null));
    await completer.drain(0);
    add(ids[0] as string);
    await completer.drain(60_000);
    expect(done.size).toBe(1);
    isAway = true;
    add(ids[1] as string);
    let drained = false;
    const draining = completer.drain(5_000).then(() => {
      drained = true;
    });
    await clock.advance(4_999);
    expect(drained).toBe(false);
    await clock.advance(1);
    await draining;
    expect(done.size).toBe(1);
    isAway = false;
    await advanceUntil(clock, () => done.size === 2);
  });
});
