import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatInstant } from '../../../../src/domain/input/instant.ts';
import { runStatuses } from '../../../../src/domain/run/run.ts';
import { isBadData, isUnavailable } from '../../../../src/store/postgres/failure.ts';
import { claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { cancelRun } from '../../../../src/store/runs/completing/cancelling.ts';
import { completeRuns, type OutcomeWrite } from '../../../../src/store/runs/completing/outcome-writes.ts';
import { author, dueOf, makeTask, makeTasks, openStore, plantRun, readRun, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const owner = randomUUID();

function ended(runId: string, change: Partial<OutcomeWrite> = {}): OutcomeWrite {
  return {
    runId,
    attempt: 1,
    status: 'succeeded',
    startedAt: t0 + 11,
    finishedAt: t0 + 511,
    detail: { httpStatus: 200 },
    output: 'ok',
    truncated: false,
    error: null,
    reason: null,
    record: null,
    retryAt: null,
    ...change,
  };
}

const failure = { kind: 'rejected' as const, message: 'HTTP 500' };

function retrying(runId: string, attempt: number, retryAt: number): OutcomeWrite {
  const record = {
    attempt,
    status: 'failed',
    startedAt: formatInstant(t0 + 11),
    finishedAt: formatInstant(t0 + 511),
    error: failure,
    httpStatus: 500,
  };
  const outcome = { detail: { httpStatus: 500 }, output: 'no', error: failure } as const;
  return ended(runId, {
    ...outcome,
    attempt,
    status: 'retrying',
    startedAt: attempt === 1 ? t0 + 11 : null,
    record,
    retryAt,
  });
}

/** A running run of its own task, ours. */
async function running(id: string): Promise<string> {
  const task = await makeTask(store.db, id, { retry: { maxAttempts: 5 }, priority: 6 });
  await claimOccurrences(store.db, [dueOf(task, 0)], { owner, now: t0, trigger: 'schedule' }, false);
  return dueOf(task, 0).runId;
}

describe('a settlement', () => {
  test('ends the run with its outcome and frees the overlap_slot', async () => {
    const id = await running('ends');
    expect(await completeRuns(store.db, owner, [ended(id)])).toEqual(new Set([id]));
    expect(await readRun(store.db, id)).toMatchObject({
      status: 'succeeded',
      overlap_slot: null,
      started_at: new Date(t0 + 11),
      finished_at: new Date(t0 + 511),
      http_status: 200,
      output: 'ok',
      truncated: false,
      error_kind: null,
      attempts: null,
      attempt: 1,
    });
  });

  test('that another attempt follows keeps the overlap_slot, moves the effective_due_at along and appends the attempt', async () => {
    const id = await running('retries');
    expect(await completeRuns(store.db, owner, [retrying(id, 1, t0 + 3_000)])).toEqual(new Set([id]));
    expect(await readRun(store.db, id)).toMatchObject({
      status: 'retrying',
      overlap_slot: 0,
      due_at: new Date(t0 + 3_000),
      effective_due_at: new Date(t0 + 3_000 - 60_000),
      scheduled_for: new Date(t0),
      started_at: new Date(t0 + 11),
      finished_at: null,
      error_kind: 'rejected',
      attempts: [{ attempt: 1, status: 'failed' }],
    });
    await store.db.query(`update runs set status = 'running', attempt = 2 where id = $1`, [id]);
    await completeRuns(store.db, owner, [retrying(id, 2, t0 + 9_000)]);
    await store.db.query(`update runs set status = 'running', attempt = 3 where id = $1`, [id]);
    const last = { ...retrying(id, 3, 0), status: 'succeeded' as const, retryAt: null };
    await completeRuns(store.db, owner, [last]);
    const run = await readRun(store.db, id);
    expect(run).toMatchObject({ status: 'succeeded', overlap_slot: null, started_at: new Date(t0 + 11) });
    expect(run.attempts?.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  test('in another name, for another attempt, or of a run that is not running writes nothing', async () => {
    const [foreign, earlier, later] = [await running('foreign'), await running('earlier'), await running('later')];
    const before = await Promise.all([foreign, earlier, later].map((id) => readRun(store.db, id)));
    expect(await completeRuns(store.db, randomUUID(), [ended(foreign)])).toEqual(new Set());
    expect(await completeRuns(store.db, owner, [ended(earlier, { attempt: 0 }), ended(later, { attempt: 2 })])).toEqual(
      new Set(),
    );
    expect(await completeRuns(store.db, owner, [ended(randomUUID())])).toEqual(new Set());
    expect(await Promise.all([foreign, earlier, later].map((id) => readRun(store.db, id)))).toEqual(before);
    for (const status of runStatuses.filter((each) => each !== 'running')) {
      const id = randomUUID();
      await plantRun(store.db, { id, uid: 1_000, status, owner, attempt: 1 });
      const planted = await readRun(store.db, id);
      expect(await completeRuns(store.db, owner, [ended(id)])).toEqual(new Set());
      expect(await readRun(store.db, id)).toEqual(planted);
    }
  });

  test('of a batch is written for those that still are ours, and for no other', async () => {
    const tasks = await makeTasks(
      store.db,
      Array.from({ length: 1_000 }, (_, place) => `batch-${place}`),
    );
    const due = tasks.map((task) => dueOf(task, 0));
    await claimOccurrences(store.db, due, { owner, now: t0, trigger: 'schedule' }, false);
    const wrong = new Set(fc.sample(fc.nat(999), 100));
    const batch = due.map(({ runId }, place) =>
      ended(runId, { output: `out ${place}`, attempt: wrong.has(place) ? 2 : 1 }),
    );
    const written = await completeRuns(store.db, owner, batch.reverse());
    expect(written).toEqual(new Set(due.filter((_, place) => !wrong.has(place)).map(({ runId }) => runId)));
    const { rows } = await store.db.query<{ id: string; status: string; output: string | null }>(
      'select id, status, output from runs where id = any($1)',
      [due.map(({ runId }) => runId)],
    );
    const found = new Map(rows.map((row) => [row.id, row]));
    for (const [place, { runId }] of due.entries())
      expect(found.get(runId)).toMatchObject(
        wrong.has(place) ? { status: 'running', output: null } : { status: 'succeeded', output: `out ${place}` },
      );
  });

  test('of a run that somebody cancelled meanwhile is not followed by another attempt', async () => {
    const id = await running('cancelled-meanwhile');
    await cancelRun(store.db, id, author, t0);
    expect(await completeRuns(store.db, owner, [retrying(id, 1, t0 + 3_000)])).toEqual(new Set([id]));
    expect(await readRun(store.db, id)).toMatchObject({
      status: 'cancelled',
      reason: 'cancelled by tester',
      overlap_slot: null,
      finished_at: new Date(t0 + 511),
      attempts: [{ attempt: 1 }],
    });
    const over = await running('cancelled-too-late');
    await cancelRun(store.db, over, author, t0);
    await completeRuns(store.db, owner, [ended(over)]);
    expect(await readRun(store.db, over)).toMatchObject({ status: 'succeeded', reason: null });
  });

  test('that Postgres cannot store is refused as bad data, not as an outage', async () => {
    const id = await running('poison');
    for (const poison of [{ output: 'a\0b' }, { error: { kind: 'internal' as const, message: '\0' } }]) {
      const error: unknown = await completeRuns(store.db, owner, [ended(id, poison)]).catch(
        (refusal: unknown) => refusal,
      );
      expect([isBadData(error), isUnavailable(error)]).toEqual([true, false]);
    }
    const record = {
      ...(retrying(id, 1, 0).record as NonNullable<OutcomeWrite['record']>),
      error: { kind: 'x', message: 'a\0' },
    };
    const error: unknown = await completeRuns(store.db, owner, [ended(id, { record })]).catch(
      (refusal: unknown) => refusal,
    );
    expect(isBadData(error)).toBe(true);
  });
});
