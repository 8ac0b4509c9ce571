import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Claimer, claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { insertDue } from '../../../../src/store/runs/claiming/insert-due.ts';
import { recordOverlaps } from '../../../../src/store/runs/claiming/overlaps.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { updateTask } from '../../../../src/store/tasks/tasks.ts';
import { noPostgres } from '../../../services/provided.ts';
import { author, dueOf, makeTask, openStore, readRun, redact, runsOf, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const claimer: Claimer = { owner: randomUUID(), now: t0 + 9, trigger: 'schedule' };

/** A task with one live run, of second 0. */
async function busy(id: string, overlap: 'skip' | 'queue' | 'replace', input = {}): Promise<Task> {
  const task = await makeTask(store.db, id, { overlap, ...input });
  await claimOccurrences(store.db, [dueOf(task, 0)], claimer, false);
  return task;
}

const states = async (task: Task) =>
  (await runsOf(store.db, task.uid)).map(({ status, overlap_slot, reason }) => ({ status, overlap_slot, reason }));
const running = { status: 'running', overlap_slot: 0, reason: null };
const queued = { status: 'pending', overlap_slot: 1, reason: null };
const skipped = { status: 'skipped', overlap_slot: null, reason: 'overlap' };

describe('an occurrence that is due while the task still runs', () => {
  test('is skipped, and finished at once, where the task says skip', async () => {
    const task = await busy('skip', 'skip');
    const written = await recordOverlaps(store.db, [dueOf(task, 1)], claimer);
    expect(written).toEqual({ queued: [], skipped: [dueOf(task, 1).runId] });
    expect(await states(task)).toEqual([running, skipped]);
    expect(await readRun(store.db, dueOf(task, 1).runId)).toMatchObject({
      finished_at: new Date(t0 + 9),
      started_at: null,
      attempt: 0,
      owner: null,
      trigger: 'schedule',
    });
  });

  test.each(['queue', 'replace'] as const)('waits behind it where the task says %s, one alone', async (overlap) => {
    const task = await busy(`wait-${overlap}`, overlap, { priority: 8 });
    const first = await recordOverlaps(store.db, [dueOf(task, 3), dueOf(task, 1), dueOf(task, 2)], claimer);
    expect(await states(task)).toEqual([running, queued, skipped, skipped]);
    expect(first).toEqual({
      queued: [dueOf(task, 1).runId],
      skipped: [2, 3].map((second) => dueOf(task, second).runId),
    });
    expect(await readRun(store.db, dueOf(task, 1).runId)).toMatchObject({
      effective_due_at: new Date(t0 + 1_000 - 80_000),
      owner: null,
      attempt: 0,
      finished_at: null,
    });
    await recordOverlaps(store.db, [dueOf(task, 4)], claimer);
    expect(await states(task)).toEqual([running, queued, skipped, skipped, skipped]);
  });

  test('is written down once, however often and by however many that is asked', async () => {
    const task = await busy('once', 'queue');
    const due = [dueOf(task, 1), dueOf(task, 2)];
    await recordOverlaps(store.db, due, claimer);
    const before = await runsOf(store.db, task.uid);
    expect(await recordOverlaps(store.db, [...due, dueOf(task, 0)], claimer)).toEqual({ queued: [], skipped: [] });
    expect(await runsOf(store.db, task.uid)).toEqual(before);
  });

  test.skipIf(noPostgres)('is written down once by replicas at the same moment', async () => {
    const tasks = await Promise.all(Array.from({ length: 10 }, (_, place) => busy(`race-${place}`, 'queue')));
    for (let round = 1; round <= 20; round++) {
      const due = tasks.flatMap((task) => [dueOf(task, 2 * round), dueOf(task, 2 * round + 1)]);
      const answers = await Promise.all([
        recordOverlaps(store.db, due, claimer),
        recordOverlaps(store.db, [...due].reverse(), claimer),
        recordOverlaps(store.db, due, claimer),
      ]);
      const written = answers.flatMap((answer) => [...answer.queued, ...answer.skipped]);
      expect(written.sort()).toEqual(due.map(({ runId }) => runId).sort());
    }
    for (const task of tasks) {
      const runs = await states(task);
      expect(runs).toHaveLength(41);
      expect(runs.filter(({ overlap_slot }) => overlap_slot === 1)).toEqual([queued]);
    }
  });

  test.each(['queue', 'replace'] as const)(
    'counts for maxRuns where it waits (%s), and beyond them leaves nothing',
    async (overlap) => {
      const task = await makeTask(store.db, `spent-${overlap}`, { overlap, maxRuns: 2 });
      const claimed = async () =>
        (await store.db.query<{ claimed: number }>('select claimed from tasks where uid = $1', [task.uid])).rows[0]
          ?.claimed;
      await claimOccurrences(store.db, [dueOf(task, 0)], claimer, true);
      await recordOverlaps(store.db, [dueOf(task, 1), dueOf(task, 2)], claimer);
      expect(await states(task)).toEqual([running, queued, skipped]);
      expect(await claimed()).toBe(2);
      await recordOverlaps(store.db, [dueOf(task, 3)], claimer);
      expect(await claimOccurrences(store.db, [dueOf(task, 4)], claimer, true)).toEqual([]);
      expect(await states(task)).toHaveLength(3);
      expect(await claimed()).toBe(2);
    },
  );

  test('leaves its row also beyond what is left of maxRuns, as long as something is', async () => {
    const task = await makeTask(store.db, 'reaching', { overlap: 'queue', maxRuns: 3 });
    await claimOccurrences(store.db, [dueOf(task, 0)], claimer, true);
    const due = [1, 2, 3, 4].map((second) => ({ ...dueOf(task, second), limited: true }));
    await insertDue(store.db, due, 'schedule', t0);
    expect(await states(task)).toEqual([running, queued, skipped, skipped, skipped]);
    const { rows } = await store.db.query('select status, claimed from tasks where uid = $1', [task.uid]);
    expect(rows).toEqual([{ status: 'active', claimed: 2 }]);
  });

  test.skipIf(noPostgres)('counts once for maxRuns, however many replicas record it at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const task = await makeTask(store.db, `spent-race-${round}`, { overlap: 'queue', maxRuns: 9 });
      await claimOccurrences(store.db, [dueOf(task, 0)], claimer, true);
      await Promise.all([1, 2, 3, 4].map((second) => recordOverlaps(store.db, [dueOf(task, second)], claimer)));
      const { rows } = await store.db.query('select claimed from tasks where uid = $1', [task.uid]);
      expect(rows).toEqual([{ claimed: 2 }]);
      expect((await states(task)).filter(({ overlap_slot }) => overlap_slot === 1)).toHaveLength(1);
    }
  });

  test.skipIf(noPostgres)('never makes maxRuns look spent while some are left', async () => {
    for (let round = 0; round < 20; round++) {
      const task = await makeTask(store.db, `unspent-${round}`, { overlap: 'queue', maxRuns: 3 });
      await claimOccurrences(store.db, [dueOf(task, 0)], claimer, true);
      const [answers] = await Promise.all([
        claimOccurrences(store.db, [dueOf(task, 9)], claimer, true),
        ...[1, 2, 3, 4, 5, 6].map((second) => recordOverlaps(store.db, [dueOf(task, second)], claimer)),
      ]);
      // An occurrence that is not answered would complete the task.
      expect(answers).toMatchObject([{ won: false }]);
    }
  });

  test('of a task that has changed is not written down', async () => {
    const task = await busy('changed', 'skip');
    await updateTask(
      store.db,
      task,
      { redact, type: 'updated', definition: task.definition, activeFrom: t0 },
      author,
      t0,
    );
    expect(await recordOverlaps(store.db, [dueOf(task, 1)], claimer)).toEqual({ queued: [], skipped: [] });
    expect(await states(task)).toEqual([running]);
  });
});
