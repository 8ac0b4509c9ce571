import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { type Claimer, claimOccurrences } from '../../../../src/store/runs/claiming/claims.ts';
import { insertDue } from '../../../../src/store/runs/claiming/insert-due.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { completeTasks, deleteTask, findTask, updateTask } from '../../../../src/store/tasks/tasks.ts';
import { noPostgres } from '../../../services/provided.ts';
import {
  author,
  dueOf,
  makeTask,
  makeTasks,
  openStore,
  readRun,
  redact,
  runsOf,
  type Store,
  t0,
  waitForBlocked,
} from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const claimer = (owner: string | null = randomUUID()): Claimer => ({ owner, now: t0 + 5, trigger: 'schedule' });
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, place) => `${prefix}-${place}`);

describe('claiming', () => {
  test('writes a running run that is ours, with all that its attempt needs', async () => {
    const task = await makeTask(store.db, 'one', {
      overlap: 'allow',
      retry: { maxAttempts: 4 },
      priority: 7,
      timeout: '9s',
    });
    const owner = randomUUID();
    const due = dueOf(task, 3);
    const claims = await claimOccurrences(store.db, [due], claimer(owner), false);
    const { target, retry } = task.definition;
    expect(claims).toEqual([
      {
        runId: due.runId,
        won: true,
        waits: false,
        overlap: null,
        snapshot: {
          namespace: 'default',
          taskId: 'one',
          version: 1,
          target,
          timeoutMs: 9_000,
          maxAttempts: 4,
          retry,
          queues: false,
          policies: null,
          about: null,
        },
        left: null,
      },
    ]);
    expect(await readRun(store.db, due.runId)).toMatchObject({
      task_uid: String(task.uid),
      trigger: 'schedule',
      status: 'running',
      owner,
      attempt: 1,
      max_attempts: 4,
      overlap_slot: null,
      scheduled_for: new Date(t0 + 3_000),
      due_at: new Date(t0 + 3_000),
      effective_due_at: new Date(t0 + 3_000 - 70_000),
      created_at: new Date(t0 + 5),
      started_at: new Date(t0 + 5),
      finished_at: null,
      attempts: null,
    });
  });

  test('for nobody writes runs that wait to be taken', async () => {
    const task = await makeTask(store.db, 'for-nobody');
    const due = dueOf(task, 0);
    const claims = await claimOccurrences(store.db, [due], { ...claimer(null), trigger: 'catch_up' }, false);
    expect(claims).toMatchObject([{ won: true }]);
    expect(await readRun(store.db, due.runId)).toMatchObject({
      status: 'pending',
      trigger: 'catch_up',
      owner: null,
      attempt: 0,
      started_at: null,
      overlap_slot: 2,
    });
  });

  test('sends the plan only to those who do not know this version of it', async () => {
    const task = await makeTask(store.db, 'plan', { overlap: 'allow' });
    const claim = async (second: number, version: number) =>
      (await claimOccurrences(store.db, [dueOf(task, second, version)], claimer(), false))[0];
    expect(await claim(0, 0)).toMatchObject({ snapshot: { version: 1 } });
    expect(await claim(1, 1)).toMatchObject({ won: true, snapshot: null });
    const definition = { ...task.definition, timeout: '3s' };
    await updateTask(store.db, task, { redact, type: 'updated', definition, activeFrom: null }, author, t0);
    expect(await claim(2, 1)).toMatchObject({ won: true, snapshot: { version: 2, timeoutMs: 3_000 } });
    expect(await claim(3, 2)).toMatchObject({ won: true, snapshot: null });
  });

  test('answers for each occurrence of a batch, whatever becomes of the others', async () => {
    const [known, unknown, taken, busy, limited, stale] = (await makeTasks(
      store.db,
      ['each-known', 'each-unknown', 'each-taken', 'each-busy', 'each-limited', 'each-stale'],
      { overlap: 'allow' },
    )) as [Task, Task, Task, Task, Task, Task];
    await store.db.query(`update tasks set overlap = 'queue' where uid = $1`, [busy.uid]);
    await store.db.query(`update tasks set limit_group = gen_random_uuid() where uid = $1`, [limited.uid]);
    await claimOccurrences(store.db, [dueOf(taken, 1), dueOf(busy, 0)], claimer(), false);
    const batch = [dueOf(known, 1, 1), dueOf(unknown, 1), dueOf(taken, 1, 1), dueOf(busy, 1, 1), dueOf(limited, 1, 1)];
    const plain = { waits: false, overlap: null, snapshot: null, left: null };
    const answers = [
      { ...plain, runId: batch[0]?.runId, won: true },
      { ...plain, runId: batch[1]?.runId, won: true, snapshot: expect.objectContaining({ taskId: 'each-unknown' }) },
      { ...plain, runId: batch[2]?.runId, won: false, overlap: 'allow' },
      { ...plain, runId: batch[3]?.runId, won: false, overlap: 'queue' },
      { ...plain, runId: batch[4]?.runId, won: true, waits: true },
    ];
    expect(await claimOccurrences(store.db, batch, claimer(), false)).toEqual(answers);
    // One that is left out of the answer is told from one of which there was nothing to tell.
    const [later, gone] = [dueOf(known, 2, 1), { ...dueOf(stale, 2, 1), scheduleVersion: 7 }];
    expect(await claimOccurrences(store.db, [gone, later], claimer(), false)).toEqual([
      { ...plain, runId: later.runId, won: true },
    ]);
    expect(await claimOccurrences(store.db, [gone], claimer(), false)).toEqual([]);
  });

  test('takes nothing of a task that was stopped, changed or deleted a moment ago, or has a limit now', async () => {
    const [stopped, changed, limited, deleted, live] = (await makeTasks(
      store.db,
      ['stale-stopped', 'stale-changed', 'stale-limited', 'stale-deleted', 'stale-live'],
      { overlap: 'allow' },
    )) as [Task, Task, Task, Task, Task];
    await updateTask(
      store.db,
      stopped,
      { redact, type: 'stopped', definition: { ...stopped.definition, status: 'stopped' }, activeFrom: t0 },
      author,
      t0,
    );
    await updateTask(
      store.db,
      changed,
      { redact, type: 'updated', definition: changed.definition, activeFrom: t0 },
      author,
      t0,
    );
    await updateTask(
      store.db,
      limited,
      { redact, type: 'updated', definition: { ...limited.definition, maxRuns: 5 }, activeFrom: null },
      author,
      t0,
    );
    await deleteTask(store.db, defaultNamespace, deleted.id, null, author, t0);
    const batch = [stopped, changed, limited, deleted, live].map((task) => dueOf(task, 1));
    const claims = await claimOccurrences(store.db, batch, claimer(), false);
    expect(claims.map(({ runId }) => runId)).toEqual([dueOf(live, 1).runId]);
    for (const task of [stopped, changed, limited, deleted]) expect(await runsOf(store.db, task.uid)).toEqual([]);
    // The new schedule version is claimed as usual.
    const again = await claimOccurrences(store.db, [dueOf({ ...changed, scheduleVersion: 2 }, 1)], claimer(), false);
    expect(again).toMatchObject([{ won: true }]);
  });

  test('takes what is left of a task that a later occurrence of the same schedule_version has completed', async () => {
    const task = await makeTask(store.db, 'overtaken', { overlap: 'allow' });
    await completeTasks(store.db, [task], t0);
    expect(await claimOccurrences(store.db, [dueOf(task, 1)], claimer(), false)).toMatchObject([{ won: true }]);
  });

  test('the same occurrence again, whoever asks, changes nothing', async () => {
    const task = await makeTask(store.db, 'again', { overlap: 'allow' });
    const first = claimer();
    await claimOccurrences(store.db, [dueOf(task, 1)], first, false);
    const before = await readRun(store.db, dueOf(task, 1).runId);
    for (const owner of [first, claimer(), claimer(null)])
      expect(await claimOccurrences(store.db, [dueOf(task, 1)], owner, false)).toMatchObject([{ won: false }]);
    expect(await readRun(store.db, before.id)).toEqual(before);
  });
});

describe.skipIf(noPostgres)('two replicas that claim the same batch at the same moment', () => {
  test.each(['allow', 'skip'] as const)('share it between them, every run once (overlap %s)', async (overlap) => {
    const tasks = await makeTasks(store.db, names(`share-${overlap}`, 200), { overlap });
    for (let second = 0; second < 5; second++) {
      const batch = tasks.map((task) => dueOf(task, second));
      const owners = [claimer(), claimer(), claimer()];
      const answers = await Promise.all(
        owners.map((owner, place) =>
          claimOccurrences(store.db, place === 1 ? [...batch].reverse() : batch, owner, false),
        ),
      );
      const won = answers.flatMap((claims) => claims.filter((claim) => claim.won).map(({ runId }) => runId));
      expect(won.sort()).toEqual(batch.map(({ runId }) => runId).sort());
      const { rows } = await store.db.query<{ id: string; owner: string }>(
        'select id, owner from runs where id = any($1)',
        [won],
      );
      for (const { id, owner } of rows) {
        const place = owners.findIndex((each) => each.owner === owner);
        expect(answers[place]?.find(({ runId }) => runId === id)?.won).toBe(true);
      }
      await store.db.query(`update runs set status = 'succeeded', overlap_slot = null where status = 'running'`);
    }
  });

  test('do not wait for each other in a circle, in whichever order they hold tasks and instants', async () => {
    // Three tasks with one run each: the first is late for one claimer, the last for the other.
    const [first, middle, last] = (await makeTasks(store.db, ['circle-a', 'circle-b', 'circle-c'])) as [
      Task,
      Task,
      Task,
    ];
    const holder = await store.database.pool.connect();
    await holder.query('begin');
    await claimOccurrences(holder, [dueOf(middle, 50)], claimer(), false);
    const one = claimOccurrences(store.db, [dueOf(first, 1), dueOf(middle, 2), dueOf(last, 3)], claimer(), false);
    await waitForBlocked(store.db, 1);
    const two = claimOccurrences(store.db, [dueOf(last, 1), dueOf(middle, 3), dueOf(first, 4)], claimer(), false);
    await waitForBlocked(store.db, 2);
    await holder.query('rollback');
    holder.release();
    const won = (await Promise.all([one, two])).flat().filter((claim) => claim.won);
    expect(won).toHaveLength(3);
  });

  test('never deadlock over hundreds of overlapping batches in opposite order', async () => {
    const tasks = await makeTasks(store.db, names('burst', 12));
    for (let round = 0; round < 300; round++) {
      const batch = tasks.map((task, place) => dueOf(task, 10 * round + (place % 5)));
      const other = tasks.map((task, place) => dueOf(task, 10 * round + ((11 - place) % 5)));
      const answers = await Promise.all([
        claimOccurrences(store.db, batch, claimer(), false),
        claimOccurrences(store.db, other.reverse(), claimer(), false),
      ]);
      expect(answers.flat().filter(({ won }) => won)).toHaveLength(tasks.length);
      await store.db.query(`update runs set status = 'succeeded', overlap_slot = null where status = 'running'`);
    }
  });
});

describe('a task that forbids overlap', () => {
  test('has one live run, however many of its occurrences come in one batch', async () => {
    const task = await makeTask(store.db, 'exclusive-batch');
    const claims = await claimOccurrences(store.db, [dueOf(task, 2), dueOf(task, 0), dueOf(task, 1)], claimer(), false);
    expect(claims.filter(({ won }) => won)).toMatchObject([{ runId: dueOf(task, 0).runId }]);
    expect(await runsOf(store.db, task.uid)).toMatchObject([{ status: 'running', overlap_slot: 0 }]);
  });

  test.skipIf(noPostgres)('never has two, whatever replicas claim and finish at the same time', async () => {
    const task = await makeTask(store.db, 'exclusive-race');
    let watching = true;
    let most = 0;
    const watch = (async () => {
      while (watching) {
        const { rows } = await store.db.query<{ live: number }>(
          `select count(*)::integer as live from runs where task_uid = $1 and status in ('pending', 'running', 'retrying')`,
          [task.uid],
        );
        most = Math.max(most, rows[0]?.live ?? 0);
      }
    })();
    let wins = 0;
    const replica = async (place: number) => {
      for (let second = 0; second < 60; second++) {
        const claims = await claimOccurrences(store.db, [dueOf(task, second * 3 + place)], claimer(), false);
        wins += claims.filter(({ won }) => won).length;
        for (const { runId, won } of claims)
          if (won)
            await store.db.query(`update runs set status = 'succeeded', overlap_slot = null where id = $1`, [runId]);
      }
    };
    await Promise.all([replica(0), replica(1), replica(2)]);
    watching = false;
    await watch;
    expect(most).toBe(1);
    expect(await runsOf(store.db, task.uid)).toHaveLength(wins);
  });

  test('refuses a second live run even to plain SQL', async () => {
    const task = await makeTask(store.db, 'exclusive-sql');
    await claimOccurrences(store.db, [dueOf(task, 0)], claimer(), false);
    const copy = store.db.query(
      `insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, overlap_slot, attempt, max_attempts, created_at)
       select gen_random_uuid(), task_uid, trigger, status, scheduled_for, due_at, effective_due_at, overlap_slot, attempt, max_attempts, created_at
       from runs where task_uid = $1`,
      [task.uid],
    );
    await expect(copy).rejects.toMatchObject({ constraint: 'runs_overlap_slot' });
  });
});

describe('maxRuns', () => {
  test('lets through the earliest of a batch, says how many are left, and counts no run twice', async () => {
    const task = await makeTask(store.db, 'limited', { maxRuns: 3, overlap: 'allow' });
    const claim = (...seconds: number[]) =>
      claimOccurrences(
        store.db,
        seconds.map((second) => dueOf(task, second)),
        claimer(),
        true,
      );
    expect(await claim(0)).toMatchObject([{ won: true, left: 2 }]);
    expect(await claim(0)).toMatchObject([{ won: false, left: 2 }]);
    const claims = await claim(3, 1, 2);
    // Two at once have used up the rest: both say so.
    expect(claims.map(({ left }) => left)).toEqual([0, 0]);
    expect(claims.filter(({ won }) => won).map(({ runId }) => runId)).toEqual([
      dueOf(task, 1).runId,
      dueOf(task, 2).runId,
    ]);
    expect(await claim(3)).toEqual([]);
    expect(await runsOf(store.db, task.uid)).toHaveLength(3);
  });

  test('is not spent by an occurrence that overlaps', async () => {
    const task = await makeTask(store.db, 'limited-overlap', { maxRuns: 2 });
    expect(await claimOccurrences(store.db, [dueOf(task, 0), dueOf(task, 1)], claimer(), true)).toMatchObject([
      { won: true },
      { won: false },
    ]);
    const { rows } = await store.db.query('select claimed from tasks where uid = $1', [task.uid]);
    expect(rows).toEqual([{ claimed: 1 }]);
  });

  test.skipIf(noPostgres)('is never exceeded by many replicas with different occurrences', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uuid(), fc.integer({ min: 1, max: 12 }), async (name, maxRuns) => {
        const [task, other] = (await makeTasks(store.db, [`limited-${name}-a`, `limited-${name}-b`], {
          maxRuns,
          overlap: 'allow',
        })) as [Task, Task];
        // Each replica believes in other instants, and lists the tasks in another order.
        const batches = Array.from({ length: 8 }, (_, place) => {
          const batch = [dueOf(task, 2 * place), dueOf(other, 2 * place), dueOf(task, 2 * place + 1)];
          return place % 2 === 0 ? batch : batch.reverse();
        });
        const answers = await Promise.all(batches.map((batch) => claimOccurrences(store.db, batch, claimer(), true)));
        const won = answers.flat().filter((claim) => claim.won);
        const { rows } = await store.db.query<{ uid: string; claimed: number; runs: number }>(
          `select t.uid, t.claimed, count(r.id)::integer as runs from tasks t left join runs r on r.task_uid = t.uid
           where t.uid = any($1) group by t.uid, t.claimed order by t.uid`,
          [[task.uid, other.uid]],
        );
        expect(rows.map(({ runs }) => runs)).toEqual([maxRuns, Math.min(maxRuns, 8)]);
        for (const { claimed, runs } of rows) expect(claimed).toBe(runs);
        expect(won).toHaveLength(rows.reduce((sum, { runs }) => sum + runs, 0));
      }),
      { numRuns: 15 },
    );
  });
});

describe('inserting what nobody claimed', () => {
  test('counts what is new, records what overlaps, and keeps to maxRuns', async () => {
    const free = await makeTask(store.db, 'insert-free', { overlap: 'allow' });
    const exclusive = await makeTask(store.db, 'insert-exclusive', { overlap: 'skip' });
    const queued = await makeTask(store.db, 'insert-queued', { overlap: 'queue' });
    const limited = await makeTask(store.db, 'insert-limited', { overlap: 'allow', maxRuns: 2 });
    await claimOccurrences(store.db, [dueOf(free, 1)], claimer(), false);
    const due = [free, exclusive, queued, limited].flatMap((task) =>
      [0, 1, 2].map((second) => ({ ...dueOf(task, second), limited: task === limited })),
    );
    expect(await insertDue(store.db, due, 'schedule', t0 + 9)).toBe(2 + 1 + 1 + 2);
    const statuses = async (task: Task) => (await runsOf(store.db, task.uid)).map(({ status }) => status);
    expect(await statuses(free)).toEqual(['pending', 'running', 'pending']);
    expect(await statuses(exclusive)).toEqual(['pending', 'skipped', 'skipped']);
    expect(await statuses(queued)).toEqual(['pending', 'pending', 'skipped']);
    expect(await statuses(limited)).toEqual(['pending', 'pending']);
    expect(await insertDue(store.db, due, 'schedule', t0 + 9)).toBe(0);
    // Its last run is written down: the task is at its end.
    expect((await findTask(store.db, defaultNamespace, limited.id))?.definition.status).toBe('completed');
    expect((await findTask(store.db, defaultNamespace, free.id))?.definition.status).toBe('active');
  });

  test('puts what is made up for in line, where the task forbids overlap', async () => {
    const tasks = await Promise.all(
      (['allow', 'skip', 'queue', 'replace'] as const).map((overlap) =>
        makeTask(store.db, `line-${overlap}`, { overlap }),
      ),
    );
    const due = tasks.flatMap((task) => [0, 1, 2].map((second) => ({ ...dueOf(task, second), limited: false })));
    expect(await insertDue(store.db, due, 'catch_up', t0 + 9)).toBe(12);
    for (const task of tasks) {
      const overlap_slot = task.definition.overlap === 'allow' ? null : 2;
      expect(await runsOf(store.db, task.uid)).toMatchObject(Array(3).fill({ status: 'pending', overlap_slot }));
    }
  });

  test('takes thousands at once', async () => {
    const task = await makeTask(store.db, 'insert-many', { overlap: 'allow' });
    const due = Array.from({ length: 2_500 }, (_, second) => ({ ...dueOf(task, second), limited: false }));
    expect(await insertDue(store.db, due, 'schedule', t0)).toBe(2_500);
  });
});
