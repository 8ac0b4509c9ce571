import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { truncatedOf } from '../../../../src/domain/run/log-layout.ts';
import { timeOrderedId } from '../../../../src/domain/schedule/occurrence.ts';
import { createByteMasker } from '../../../../src/domain/secrets/byte-masking.ts';
import { appendToLog, awaitAppends, type LogAppend } from '../../../../src/store/logs/append.ts';
import { deleteLogsWithoutRun } from '../../../../src/store/logs/cleaning.ts';
import { readLogEnds, readStored } from '../../../../src/store/logs/read.ts';
import { poll } from '../../../poll.ts';
import { makeTask, openStore, plantRun, type Store, t0, waitForBlocked } from '../store.ts';

let store: Store;
let uid: number;
beforeAll(async () => {
  store = await openStore();
  ({ uid } = await makeTask(store.db, 'a', { overlap: 'allow' }));
});

async function newRun(attempt = 1): Promise<string> {
  const id = timeOrderedId(t0, (bytes) => crypto.getRandomValues(bytes));
  await plantRun(store.db, { id, uid, status: 'running', attempt, max_attempts: 9 });
  return id;
}

const usual = { attempt: 1, limit: 1024 ** 2, masker: null, pace: async () => {} };
const append = (runId: string, offset: number, bytes: Buffer | string, more: Partial<LogAppend> = {}) =>
  appendToLog(store.database, { ...usual, runId, offset, bytes: Buffer.from(bytes), ...more });
const endOf = async (runId: string) => (await readLogEnds(store.db, [runId])).get(runId);
const read = async (runId: string, from = 0) => {
  const parts = await readStored(store.db, runId, from, (await endOf(runId))?.bytes ?? 0);
  return Buffer.concat(parts.map(({ bytes }) => bytes));
};

async function pieces(runId: string) {
  const { rows } = await store.db.query<{ attempt: number; offset: string; length: number }>(
    'select attempt, "offset", octet_length(bytes) as length from run_log where run = $1 order by "offset"',
    [runId],
  );
  return rows;
}

const bytesFrom = (from: number, length: number) =>
  Buffer.from(Array.from({ length }, (_, place) => ((from + place) * 7919) % 256));

test('head and tail of a log are kept to the byte, however it is sent', { timeout: 60_000 }, async () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9_000 }), fc.constant(80_000));
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { minLength: 1, maxLength: 14 }),
      fc.integer({ min: 1_024, max: 40_000 }),
      async (sizes, limit) => {
        const runId = await newRun();
        let all = Buffer.alloc(0);
        for (const length of sizes) {
          const bytes = bytesFrom(all.length, length);
          const again = Math.min(all.length, length % 3);
          const sent = Buffer.concat([all.subarray(all.length - again), bytes]);
          const appended = await append(runId, all.length - again, sent, { limit });
          all = Buffer.concat([all, bytes]);
          const truncated = Math.max(0, all.length - limit);
          expect(appended).toMatchObject({ result: 'taken', log: { bytes: all.length } });
          expect('log' in appended && truncatedOf(appended.log)).toBe(truncated);
          const head = Math.floor(limit / 2);
          const kept = truncated === 0 ? all : Buffer.concat([all.subarray(0, head), all.subarray(head - limit)]);
          expect((await read(runId)).equals(kept)).toBe(true);
        }
        const rows = await pieces(runId);
        const stored = rows.reduce((sum, { length }) => sum + length, 0);
        expect(stored).toBeLessThanOrEqual(limit + 64 * 1024);
        expect(rows.length).toBeLessThanOrEqual(limit / 4_096 + all.length / 65_536 + 3);
      },
    ),
    { numRuns: 40 },
  );
});

test('a log of 1 MiB is whole, and one more byte costs the one in its middle', async () => {
  const [runId, half] = [await newRun(), 512 * 1024];
  for (let at = 0; at < 2 * half; at += half / 2) await append(runId, at, bytesFrom(at, half / 2));
  expect(await endOf(runId)).toMatchObject({ bytes: 2 * half, droppedFrom: 0, droppedTo: 0 });
  expect((await read(runId)).equals(bytesFrom(0, 2 * half))).toBe(true);
  await append(runId, 2 * half, 'x');
  expect(await endOf(runId)).toMatchObject({ bytes: 2 * half + 1, droppedFrom: half, droppedTo: half + 1 });
  const whole = Buffer.concat([bytesFrom(0, 2 * half), Buffer.from('x')]);
  expect((await read(runId)).equals(Buffer.concat([whole.subarray(0, half), whole.subarray(half + 1)]))).toBe(true);
});

test('a million writes of a byte would be few pieces', async () => {
  const runId = await newRun();
  for (let at = 0; at < 300; at++) await append(runId, at, 'x');
  expect(await pieces(runId)).toMatchObject([{ length: 300 }]);
});

test('the same bytes again are taken, other bytes and gaps are not', async () => {
  const runId = await newRun();
  await append(runId, 0, 'abc');
  expect(await append(runId, 0, 'abc')).toMatchObject({ result: 'taken', log: { bytes: 3 } });
  expect(await append(runId, 1, 'bcdef')).toMatchObject({ result: 'taken', log: { bytes: 6 } });
  expect(await append(runId, 4, 'xf')).toMatchObject({ result: 'different', log: { bytes: 6 } });
  expect(await append(runId, 7, 'g')).toMatchObject({ result: 'gap', log: { bytes: 6 } });
  expect(await append(runId, 6, '')).toMatchObject({ result: 'taken' });
  expect((await read(runId)).toString()).toBe('abcdef');
  expect((await read(runId, 4)).toString()).toBe('ef');
});

test('of appends at the same offset at the same time one is taken, and the equal ones with it', async () => {
  const sent = ['same', 'else', 'same', 'same', 'else', 'same'];
  for (let round = 0; round < 20; round++) {
    const runId = await newRun();
    const results = await Promise.all(sent.map((text) => append(runId, 0, text)));
    const kept = (await read(runId)).toString();
    expect(results.map(({ result }) => result)).toEqual(sent.map((text) => (text === kept ? 'taken' : 'different')));
  }
});

test('attempts share the offsets, and only the one under way writes', async () => {
  const runId = await newRun();
  await append(runId, 0, 'first ');
  await store.db.query('update runs set attempt = 2 where id = $1', [runId]);
  expect(await append(runId, 6, 'late')).toEqual({ result: 'over' });
  expect(await append(runId, 6, 'second', { attempt: 2 })).toMatchObject({ result: 'taken' });
  expect(await pieces(runId)).toMatchObject([
    { attempt: 1, offset: '0' },
    { attempt: 2, offset: '6' },
  ]);
  expect((await read(runId)).toString()).toBe('first second');
});

test('a reader of a run that is over waits for the append under way', async () => {
  const runId = await newRun();
  let goOn: (() => void) | null = null;
  const appending = append(runId, 0, 'last words', {
    masker: async (bytes) => {
      await new Promise<void>((resume) => {
        goOn = resume;
      });
      return { bytes, held: 0 };
    },
  });
  await poll(() => goOn !== null, { what: 'the append to be under way' });
  await store.db.query(`update runs set status = 'succeeded', finished_at = now() where id = $1`, [runId]);
  const awaited = awaitAppends(store.db, runId).then(() => read(runId));
  await waitForBlocked(store.db, 1);
  (goOn as (() => void) | null)?.();
  expect((await awaited).toString()).toBe('last words');
  expect(await appending).toMatchObject({ result: 'taken' });
  expect(await append(runId, 10, '!')).toEqual({ result: 'over' });
});

test('a value is hidden however the pieces cut it, and not shown before it is whole', async () => {
  const value = 'correct-horse-battery';
  const masker = createByteMasker([value]);
  for (let size = 1; size <= value.length + 2; size++) {
    const runId = await newRun();
    const all = Buffer.from(`login ${value} done`);
    for (let at = 0; at < all.length; at += size) {
      await append(runId, at, all.subarray(at, at + size), { masker });
      const end = await endOf(runId);
      const shown = (await read(runId)).subarray(0, (end?.bytes ?? 0) - (end?.held ?? 0));
      expect(shown.toString()).not.toMatch(/ c/);
      expect(await append(runId, at, all.subarray(at, at + size), { masker })).toMatchObject({ result: 'taken' });
    }
    expect((await read(runId)).toString()).toBe('login ••••••• done');
  }
});

test('the beginning of a value at the end of an attempt is hidden when the next one writes', async () => {
  const runId = await newRun();
  const masker = createByteMasker(['correct-horse-battery']);
  await append(runId, 0, 'login correct-horse', { masker });
  await store.db.query('update runs set attempt = 2 where id = $1', [runId]);
  await append(runId, 19, ' again', { masker, attempt: 2 });
  expect((await read(runId)).toString()).toBe('login ************* again');
});

test('logs go with their runs', async () => {
  const [gone, kept] = [await newRun(), await newRun()];
  for (const runId of [gone, kept]) await append(runId, 0, 'text');
  await store.db.query('delete from runs where id = $1', [gone]);
  let from: string | null = null;
  do from = await deleteLogsWithoutRun(store.db, from, 2);
  while (from !== null);
  expect(await pieces(gone)).toEqual([]);
  expect(await pieces(kept)).toHaveLength(1);
  const { rows } = await store.db.query('select run from run_logs where run = any ($1)', [[gone, kept]]);
  expect(rows).toEqual([{ run: kept }]);
});
