import { expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { createNamespaces } from '../../../src/replica/namespaces.ts';
import { poll } from '../../poll.ts';
import { atFileEnd } from '../../services/file-end.ts';
import { silent } from '../../silent-log.ts';
import { openStore } from '../store/store.ts';

const noMetrics = { forgetNamespace() {} };

test('the metrics of a namespace that is gone are dropped', async () => {
  const { db } = await openStore();
  await db.query(`insert into namespaces (id, created_at, updated_at) values ('brief', now(), now())`);
  const forgotten: string[] = [];
  const metrics = { forgetNamespace: (id: string) => void forgotten.push(id) };
  const namespaces = createNamespaces(db, { clock: systemClock, log: silent, metrics });
  await namespaces.refresh();
  await db.query(`delete from namespaces where id = 'brief'`);
  await namespaces.refresh();
  expect(forgotten).toEqual(['brief']);
});

test('neither the long end of a namespace nor one that fails holds up other ends and changes', async () => {
  const { db } = await openStore();
  await db.query(`
    insert into namespaces (id, closing, created_at, updated_at)
    values ('a-fails', true, now(), now()), ('b-ends', true, now(), now()), ('c-lasts', true, now(), now())`);
  const begun = new Set<string>();
  let end = (): void => {};
  const lasts = new Promise<void>((resolve) => {
    end = resolve;
  });
  const namespaces = createNamespaces(db, { clock: systemClock, log: silent, metrics: noMetrics });
  const loops = await namespaces.follow(async (id) => {
    begun.add(id);
    if (id === 'a-fails') throw new Error('it cannot be deleted');
    if (id === 'c-lasts') await lasts;
  });
  atFileEnd(async () => {
    end();
    await Promise.all(loops.map((loop) => loop.stop()));
  });
  await poll(() => begun.size === 3, { what: 'the end of each to be begun' });
  await db.query(`insert into namespaces (id, created_at, updated_at) values ('later', now(), now())`);
  namespaces.wake();
  await poll(() => namespaces.rulesOf('later') !== null, { what: 'the new namespace to be known' });
  expect([...begun]).toEqual(['a-fails', 'b-ends', 'c-lasts']);
});
