import { beforeAll, describe, expect, test } from 'vitest';
import { isOver, runStatuses, runSteps } from '../../../../src/domain/run/run.ts';
import { timeOrderedId } from '../../../../src/domain/schedule/occurrence.ts';
import { taskStatuses, taskSteps } from '../../../../src/domain/task/states.ts';
import { violatedConstraint } from '../../../../src/store/postgres/failure.ts';
import { makeTask, openStore, plantRun, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

/** Which status an update may set, by trying. */
async function allowed<T extends string>(table: string, key: string, statuses: readonly T[], from: T): Promise<T[]> {
  const steps: T[] = [];
  for (const to of statuses) {
    if (to === from) continue;
    await store.db.query(`alter table ${table} disable trigger user`);
    await store.db.query(`update ${table} set status = '${from}' where ${key}`);
    await store.db.query(`alter table ${table} enable trigger user`);
    const done = await store.db.query(`update ${table} set status = '${to}' where ${key}`).then(
      () => true,
      (error: unknown) => {
        expect(error).toMatchObject({ code: '23514', constraint: `${table}_steps` });
        return false;
      },
    );
    if (done) steps.push(to);
  }
  return steps;
}

describe('the database lets a run', () => {
  test.each(runStatuses)('that is %s become exactly what the domain lets it become', async (from) => {
    const id = timeOrderedId(t0, (bytes) => bytes.fill(runStatuses.indexOf(from)));
    await plantRun(store.db, { id, uid: 1, status: from });
    const steps = await allowed('runs', `id = '${id}'`, runStatuses, from);
    expect(steps.sort()).toEqual([...runSteps[from]].sort());
    if (isOver(from)) expect(steps).toEqual([]);
  });

  test('keep its status while something else of it is written', async () => {
    const id = timeOrderedId(t0, (bytes) => bytes.fill(99));
    await plantRun(store.db, { id, uid: 1, status: 'succeeded' });
    await store.db.query(`update runs set status = 'succeeded', reason = 'touched' where id = $1`, [id]);
  });
});

describe('the database lets a task', () => {
  test.each(taskStatuses)('that is %s become exactly what the domain lets it become', async (from) => {
    const { uid } = await makeTask(store.db, `step-${from}`);
    const steps = await allowed('tasks', `uid = ${uid}`, taskStatuses, from);
    expect(steps.sort()).toEqual([...taskSteps[from]].sort());
  });
});

test('a terminal status never changes, whatever statement tries', async () => {
  const id = timeOrderedId(t0, (bytes) => bytes.fill(77));
  await plantRun(store.db, { id, uid: 1, status: 'lost' });
  const error: unknown = await store.db
    .query(
      `insert into runs select * from runs where id = $1 on conflict (id) do update set status = 'running', owner = gen_random_uuid()`,
      [id],
    )
    .catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({ code: '23514' });
  expect(violatedConstraint(error)).toBeNull();
});
