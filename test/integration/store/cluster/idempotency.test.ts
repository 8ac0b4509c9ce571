import { beforeAll, describe, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { forgetKeys, type KeyedRequest, oncePerKey } from '../../../../src/store/cluster/idempotency.ts';
import type { Queryable } from '../../../../src/store/postgres/database.ts';
import { noPostgres } from '../../../services/provided.ts';
import { makeTask, openStore, type Store, t0, waitForBlocked } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const ask = (
  request: Partial<KeyedRequest> & { key: string },
  work: (db: Queryable) => Promise<{ answer: unknown; remember: boolean }>,
) =>
  oncePerKey(
    store.database,
    { namespace: defaultNamespace, scope: 'alice create', body: { n: 1 }, ...request },
    t0,
    work,
  );
const answers = (answer: unknown) => async () => ({ answer, remember: true });
const keys = async (key: string) =>
  (await store.db.query('select from idempotency_keys where key = $1', [key])).rowCount;

describe('a keyed request', () => {
  test('of one namespace knows nothing of the same key in another', async () => {
    expect(await ask({ key: 'near', namespace: 'one' }, answers(1))).toEqual({ kind: 'done', answer: 1 });
    expect(await ask({ key: 'near', namespace: 'two' }, answers(2))).toEqual({ kind: 'done', answer: 2 });
    expect(await ask({ key: 'near', namespace: 'one' }, answers(3))).toEqual({ kind: 'replayed', answer: 1 });
  });

  test('is done once, and answered the same to the letter afterwards', async () => {
    const answer = { b: 1, a: [null, 'x'], ü: 1.5 };
    expect(await ask({ key: 'same' }, answers(answer))).toEqual({ kind: 'done', answer });
    const replay = await ask({ key: 'same' }, () => Promise.reject(new Error('done twice')));
    expect(replay).toEqual({ kind: 'replayed', answer });
    expect(JSON.stringify(replay)).toBe(JSON.stringify({ kind: 'replayed', answer }));
  });

  test('that asks for something else under the same key is a mismatch', async () => {
    await ask({ key: 'other' }, answers(1));
    expect(await ask({ key: 'other', body: { n: 2 } }, answers(2))).toEqual({ kind: 'mismatch' });
    expect(await ask({ key: 'other' }, answers(3))).toEqual({ kind: 'replayed', answer: 1 });
  });

  test('of another caller or for another operation has keys of its own', async () => {
    await ask({ key: 'scoped' }, answers(1));
    expect(await ask({ key: 'scoped', scope: 'bob create' }, answers(2))).toEqual({ kind: 'done', answer: 2 });
  });

  test('whose work fails leaves neither its key nor what it wrote', async () => {
    const failing = ask({ key: 'fails' }, async (db) => {
      await makeTask(db, 'half-made');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await keys('fails')).toBe(0);
    expect((await store.db.query(`select from tasks where id = 'half-made'`)).rowCount).toBe(0);
    expect(await ask({ key: 'fails', body: 'anything' }, answers(2))).toEqual({ kind: 'done', answer: 2 });
  });

  test('that made nothing worth remembering is forgotten', async () => {
    const nothing = async () => ({ answer: 'taken', remember: false });
    expect(await ask({ key: 'nothing' }, nothing)).toEqual({ kind: 'done', answer: 'taken' });
    expect(await keys('nothing')).toBe(0);
    expect(await ask({ key: 'nothing', body: 7 }, answers(1))).toEqual({ kind: 'done', answer: 1 });
  });

  test('older than a day may be forgotten, and is new then', async () => {
    await ask({ key: 'aged' }, answers(1));
    await forgetKeys(store.db, t0);
    expect(await keys('aged')).toBe(1);
    await forgetKeys(store.db, t0 + 1);
    expect(await ask({ key: 'aged' }, answers(2))).toEqual({ kind: 'done', answer: 2 });
  });
});

describe.skipIf(noPostgres)('keyed requests at the same moment', () => {
  /** Work that is held up until all the others wait for it. */
  const held =
    (others: number, answer: unknown, remember: boolean, fail = false) =>
    async () => {
      await waitForBlocked(store.db, others);
      if (fail) throw new Error('the first failed');
      return { answer, remember };
    };

  test('are done once: the others wait and get the first answer', async () => {
    let done = 0;
    const work = async () => {
      done++;
      return held(4, 'first', true)();
    };
    const all = await Promise.all(Array.from({ length: 5 }, () => ask({ key: 'race' }, work)));
    expect(done).toBe(1);
    expect(all.map(({ kind }) => kind).sort()).toEqual(['done', 'replayed', 'replayed', 'replayed', 'replayed']);
    for (const each of all) expect(each).toMatchObject({ answer: 'first' });
  });

  test.each([
    ['fails', true],
    ['makes nothing', false],
  ])('let the second try when the first %s', async (_, fails) => {
    const key = `race-${fails}`;
    let turn = 0;
    const work = () => (turn++ === 0 ? held(1, 'nothing', false, fails)() : answers('second')());
    const all = await Promise.allSettled([ask({ key }, work), ask({ key }, work)]);
    const values = all.map((each) => (each.status === 'fulfilled' ? each.value : 'failed'));
    expect(values).toContainEqual({ kind: 'done', answer: 'second' });
    expect(values).toContainEqual(fails ? 'failed' : { kind: 'done', answer: 'nothing' });
  });

  test('of which one asks for something else tell it so', async () => {
    const bodies = [{ n: 1 }, { n: 2 }];
    const all = await Promise.all(bodies.map((body) => ask({ key: 'race-mismatch', body }, held(1, body, true))));
    expect(all.map(({ kind }) => kind).sort()).toEqual(['done', 'mismatch']);
  });
});
