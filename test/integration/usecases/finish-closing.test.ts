import { beforeAll, expect, test } from 'vitest';
import { reopenNamespace } from '../../../src/store/access/closing.ts';
import { inTransaction } from '../../../src/store/postgres/database.ts';
import { finishClosing } from '../../../src/usecases/access/finish-closing.ts';
import { openStore, type Store } from '../store/store.ts';
import { contextOn } from './context.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

test('a namespace that another replica opened again meanwhile is not taken for gone, and loses nothing', async () => {
  await store.db.query(`
    insert into namespaces (id, created_at, updated_at, closing) values ('met', now(), now(), true)`);
  const context = contextOn(store);
  let state: Promise<unknown> = Promise.resolve();
  // A creation that began before the namespace was closed. The end waits for it.
  await inTransaction(store.database, async (creation) => {
    await creation.query(`
      insert into tasks (namespace, id, name, labels, schedule, target, timeout_ms, retry, overlap, misfire, priority, status,
        active_from, created_at, updated_at)
      values ('met', 'late', 'late', '{}', '{"manual": true}', '{}', 1000, '{"maxAttempts": 1}', 'allow', '{}', 5, 'active',
        now(), now(), now())`);
    await new Promise<void>((waits) => {
      state = finishClosing(
        {
          ...context,
          async pause(ms) {
            waits();
            await context.pause(ms);
            await reopenNamespace(store.db, 'met');
          },
        },
        'met',
      );
    });
  });
  expect(await state).toBe('open');
  const { rows } = await store.db.query(`select id from tasks where namespace = 'met' and deleted_at is null`);
  expect(rows).toEqual([{ id: 'late' }]);
});
