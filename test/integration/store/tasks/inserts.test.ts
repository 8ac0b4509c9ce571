import { beforeAll, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { createTaskInserts } from '../../../../src/store/tasks/inserts.ts';
import type { Stored } from '../../../../src/store/tasks/quotas.ts';
import type { NewTask } from '../../../../src/store/tasks/tasks.ts';
import { fakeQuery } from '../../../fake-query.ts';
import { author, define, openStore, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

/** Inserts that count their statements; `fail` may throw instead. */
function counting(fail: (given: string) => void = () => {}) {
  const counted = { statements: 0 };
  const query = fakeQuery(async (statement) => {
    counted.statements++;
    fail(JSON.stringify(statement));
    return store.db.query(statement);
  });
  const insert = createTaskInserts({ ...store.database, pool: { ...store.database.pool, query } });
  return { insert, counted };
}

const stored = (answer: Stored) => (answer !== null && 'uid' in answer ? answer : null);

const item = (id: string, name = id): NewTask => ({
  namespace: defaultNamespace,
  id,
  definition: { ...define(id), name },
  activeFrom: t0,
  author,
});

describe('tasks that are created at the same time', () => {
  test('share statements, and each gets its own answer', async () => {
    const { insert, counted } = counting();
    const ids = Array.from({ length: 250 }, (_, place) => `shared-${place}`);
    const tasks = await Promise.all(ids.map((id) => insert(item(id), t0)));
    expect(tasks.map((task) => stored(task)?.id)).toEqual(ids);
    expect(counted.statements).toBe(3);
    expect(await insert(item('later'), t0)).toMatchObject({ id: 'later' });
    expect(counted.statements).toBe(4);
  });

  test('under one id are one task, for whoever came first', async () => {
    const { insert } = counting();
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => insert(item('same', name), t0)));
    expect(answers.map((task) => stored(task)?.definition.name)).toEqual(['a', undefined, undefined]);
    expect(await insert(item('same'), t0)).toBeNull();
  });

  test('are not refused for one among them that Postgres does not take', async () => {
    const { insert } = counting();
    const outcomes = await Promise.allSettled([
      insert(item('good-1'), t0),
      insert(item('bad', 'NUL \u0000'), t0),
      insert(item('good-2'), t0),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('are not refused for one among them that is beyond a limit of Postgres', async () => {
    const { insert } = counting((given) => {
      if (given.includes('too-much')) throw Object.assign(new Error('beyond a limit'), { code: '54000' });
    });
    const outcomes = await Promise.allSettled(['fits-1', 'too-much', 'fits-2'].map((id) => insert(item(id), t0)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('all hear of it when the database cannot be asked, and those after them do not', async () => {
    let away = true;
    const { insert } = counting(() => {
      if (away) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
    });
    const outcomes = await Promise.allSettled([insert(item('lost-1'), t0), insert(item('lost-2'), t0)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    away = false;
    expect(await insert(item('lost-1'), t0)).toMatchObject({ id: 'lost-1' });
  });
});
