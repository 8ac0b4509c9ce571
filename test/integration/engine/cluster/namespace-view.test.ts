import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Namespaces } from '../../../../src/domain/access/namespace-rules.ts';
import { createNamespaceView } from '../../../../src/engine/cluster/namespace-view.ts';
import type { Queryable } from '../../../../src/store/postgres/database.ts';
import { openStore, type Store } from '../../store/store.ts';

let store: Store;
let view: Namespaces;
let told: string[][];
let statements: number;

beforeAll(async () => {
  store = await openStore();
});

beforeEach(async () => {
  await store.db.query(`delete from namespaces where id <> 'default'`);
  statements = 0;
  const counted = {
    query: (...given: Parameters<Queryable['query']>) => {
      statements++;
      return store.db.query(...given);
    },
  } as Queryable;
  view = createNamespaceView(counted);
  await view.refresh();
  told = [];
  view.onChange((ids) => void told.push([...ids].sort()));
  statements = 0;
});

const make = (id: string, weight = 1) =>
  store.db.query('insert into namespaces (id, weight, created_at, updated_at) values ($1, $2, now(), now())', [
    id,
    weight,
  ]);
const change = (id: string, assignments: string) =>
  store.db.query(`update namespaces set ${assignments}, changed_in = pg_current_xact_id() where id = $1`, [id]);
const drop = (id: string) => store.db.query('delete from namespaces where id = $1', [id]);

describe('the namespaces in the memory of a replica', () => {
  test('know the default namespace, which has no quotas', () => {
    expect(view.rulesOf('default')).toEqual({
      id: 'default',
      weight: 1,
      quotas: {
        ...{ tasks: null, concurrentRuns: null, minInterval: null, createsPerMinute: null },
        ...{ historyRetention: null, secrets: null, channels: null, monitors: null },
      },
      targetAllow: null,
      targetDeny: null,
      closing: false,
    });
    expect(view.rulesOf('unheard-of')).toBeNull();
    expect(view.weightOf('unheard-of')).toBe(1);
  });

  test('follow namespaces that are made, changed and deleted', async () => {
    await make('a', 3);
    await make('b');
    await view.refresh();
    expect([view.weightOf('a'), view.rulesOf('b')?.closing]).toEqual([3, false]);

    await change('a', `quotas = '{"tasks": 5}', target_deny = '["10.0.0.0/8"]', closing = true`);
    await view.refresh();
    const { quotas, targetDeny, closing } = view.rulesOf('a') ?? {};
    expect([quotas?.tasks, quotas?.secrets, targetDeny, closing]).toEqual([5, null, ['10.0.0.0/8'], true]);

    await drop('b');
    await view.refresh();
    expect(view.rulesOf('b')).toBeNull();
    expect(told.slice(0, 2)).toEqual([['a', 'b'], ['a']]);
    expect(told[2]).toContain('b');
  });

  test('see that one is gone although another came at the same time', async () => {
    await make('old');
    await view.refresh();
    await drop('old');
    await make('new', 2);
    await view.refresh();
    expect([view.rulesOf('old'), view.weightOf('new')]).toEqual([null, 2]);
  });

  test('read a change that was written before others and committed after them', async () => {
    await make('slow');
    await make('quick');
    await view.refresh();
    const client = await store.database.pool.connect();
    await client.query('begin');
    await client.query(`update namespaces set weight = 7, changed_in = pg_current_xact_id() where id = 'slow'`);
    await change('quick', 'weight = 8');
    await view.refresh();
    expect([view.weightOf('slow'), view.weightOf('quick')]).toEqual([1, 8]);
    await client.query('commit');
    client.release();
    await view.refresh();
    expect(view.weightOf('slow')).toBe(7);
  });

  test('ask the database about a namespace only where it is not known', async () => {
    await make('a');
    expect((await view.learn('a'))?.id).toBe('a');
    expect(statements).toBe(1);
    await view.learn('a');
    expect(statements).toBe(1);
    expect(await view.learn('nowhere')).toBeNull();
  });

  test('read with one statement, and tell nobody, while nothing changes', async () => {
    await view.refresh();
    expect([statements, told]).toEqual([1, []]);
  });

  test('share a reading among those that ask at the same time, but none that began before', async () => {
    const early = view.refresh();
    await make('a');
    await Promise.all([...Array(20)].map(() => view.learn('a')));
    await early;
    expect(view.rulesOf('a')).not.toBeNull();
    expect(statements).toBeLessThanOrEqual(3);
  });
});
