import { beforeAll, expect, test } from 'vitest';
import type { AuditType } from '../../../../src/domain/audit/types.ts';
import { deleteOldAudit, noteAudit } from '../../../../src/store/audit/audit.ts';
import { type AuditFilter, type AuditItem, listAudit } from '../../../../src/store/audit/list.ts';
import { openStore, type Store, t0 } from '../store.ts';

const page = { after: null, limit: 5, largest: 1_000_000 };
const all: AuditFilter = { namespaces: null, actor: null, type: null, subject: null, from: null, to: null };
const entries: { at: number; namespace: string; actor: string; type: AuditType; subject: string | null }[] = [];

let store: Store;
beforeAll(async () => {
  store = await openStore();
  const pick = <T>(among: readonly T[], place: number) => among[place % among.length] as T;
  for (let n = 0; n < 60; n++)
    entries.push({
      at: t0 + Math.floor(n / 2) * 1_000,
      namespace: pick(['default', 'billing', '*'], n),
      actor: pick(['key:ci', 'user:ann', 'key:ci', 'key:ci', 'user:bob'], n),
      type: pick(['task.created', 'key.created', 'sign_in'], Math.floor(n / 4)),
      subject: pick(['key:a', 'key:b', null, 'key:a'], n),
    });
  for (const { at, actor, ...entry } of entries) {
    const author = { actor, via: 'key', address: null, requestId: null };
    await noteAudit(store.db, { ...entry, author, data: null }, at);
  }
  // Those above are no longer among the newest that a page looks at first.
  await store.db.query(
    `insert into audit (namespace, at, type, actor, via)
      select 'other', $1::timestamptz + n * interval '1 second', 'sign_out', 'user:other', 'session'
      from generate_series(1, 2100) n`,
    [new Date(t0 + 3_600_000).toISOString()],
  );
});

/** All pages of a list, one after the other. */
async function pagesOf(filter: AuditFilter): Promise<AuditItem[]> {
  const found: AuditItem[] = [];
  for (let more = true; more; ) {
    const last = found.at(-1);
    const after = last === undefined ? null : { at: Date.parse(last.at), id: last.id };
    const next = await listAudit(store.db, filter, { ...page, after });
    found.push(...next.items);
    more = next.more;
  }
  return found;
}

const places = (items: readonly { at: number | string; subject: string | null; namespace: string }[]) =>
  items.map(({ at, subject, namespace }) => `${new Date(at).toISOString()} ${namespace} ${subject}`);

const choices = {
  namespaces: [
    null,
    [{ id: 'billing', since: 0 }],
    [
      { id: 'default', since: t0 + 9_000 },
      { id: '*', since: 0 },
    ],
    [{ id: 'nowhere', since: 0 }],
    [...Array.from({ length: 60 }, (_, n) => ({ id: `n-${n}`, since: 0 })), { id: 'billing', since: t0 + 5_000 }],
  ],
  actor: [null, 'user:ann', 'key:ci', 'nobody'],
  type: [null, 'key.created', 'secret.deleted'] as const,
  subject: [null, 'key:a', 'task:none'],
  from: [null, t0 + 5_000],
  to: [t0 + 60_000, t0 + 20_000],
};

test('each combination of filters gives the same entries as looking at all of them', async () => {
  for (const namespaces of choices.namespaces)
    for (const actor of choices.actor)
      for (const type of choices.type)
        for (const subject of choices.subject)
          for (const from of choices.from)
            for (const to of choices.to) {
              const expected = entries.filter(
                (entry) =>
                  (namespaces === null ||
                    namespaces.some(({ id, since }) => id === entry.namespace && entry.at >= since)) &&
                  (actor === null || entry.actor === actor) &&
                  (type === null || entry.type === type) &&
                  (subject === null || entry.subject === subject) &&
                  (from === null || entry.at >= from) &&
                  entry.at < (to ?? 0),
              );
              const filter = { namespaces, actor, type, subject, from, to };
              const found = await pagesOf(filter);
              expect({ filter, found: places(found) }).toEqual({ filter, found: places(expected.reverse()) });
            }
});

test('a page ends before it is larger than asked for', async () => {
  const author = { actor: 'user:large', via: 'key', address: null, requestId: null };
  const entry = { namespace: 'default', type: 'task.updated' as const, subject: 'task:large', author };
  for (let n = 0; n < 3; n++) await noteAudit(store.db, { ...entry, data: { text: 'x'.repeat(1_000) } }, t0 + n);

  const found = await listAudit(store.db, { ...all, subject: 'task:large' }, { ...page, largest: 2_500 });

  expect([found.items.length, found.more]).toEqual([2, true]);
});

test('old entries go, the oldest first', async () => {
  const count = async () => Number((await store.db.query('select count(*) from audit')).rows[0]?.count);
  const before = await count();

  expect(await deleteOldAudit(store.db, t0 + 2_000, 3)).toBe(3);
  const { items: next } = await listAudit(store.db, { ...all, to: t0 + 1_000 }, page);
  expect(next.map(({ at }) => Date.parse(at) - t0)).toEqual([2, 1]);
  expect(await deleteOldAudit(store.db, t0 + 2_000, 1_000)).toBeGreaterThan(0);

  const { items } = await listAudit(store.db, { ...all, to: t0 + 2_000 }, page);
  expect(items).toEqual([]);
  expect(before - (await count())).toBe(7);
});
