import { beforeAll, expect, test } from 'vitest';
import { auditLog } from '../../../src/observability/audit-log.ts';
import type { AuditEntry } from '../../../src/store/audit/audit.ts';
import { audited } from '../../../src/usecases/audit/audited.ts';
import type { UseCaseContext } from '../../../src/usecases/context.ts';
import { openStore, type Store } from '../store/store.ts';
import { callerWith, contextOn } from './context.ts';

let store: Store;
let context: UseCaseContext;
const logged: AuditEntry[] = [];
beforeAll(async () => {
  store = await openStore();
  context = { ...contextOn(store), logAudit: (entry) => void logged.push(entry) };
});

const admin = callerWith('admin');

async function written(subject: string) {
  const { rows } = await store.db.query('select * from audit where subject = $1', [subject]);
  return rows;
}

test('an entry is written with its change, and logged once that is committed', async () => {
  const result = await audited(context, admin, async (_db, note) => {
    await note({ type: 'key.created', subject: 'key:ci', data: { role: { from: null, to: 'reader' } } });
    expect(logged).toEqual([]);
    return 'made';
  });

  expect(result).toBe('made');
  const author = { actor: admin.name, via: 'key', address: admin.address };
  const told = { namespace: 'default', type: 'key.created', subject: 'key:ci' };
  const data = { role: { from: null, to: 'reader' } };
  expect(await written('key:ci')).toMatchObject([{ ...told, ...author, request_id: 'request-1', data }]);
  expect(logged).toMatchObject([{ ...told, author, data }]);
});

test('a change that fails leaves neither an entry nor a log line', async () => {
  const failed = audited(context, admin, async (_db, note) => {
    await note({ type: 'key.deleted', subject: 'key:gone', namespace: '*' });
    throw new Error('the change failed');
  });

  await expect(failed).rejects.toThrow('the change failed');
  expect(await written('key:gone')).toEqual([]);
  expect(logged.filter(({ subject }) => subject === 'key:gone')).toEqual([]);
});

test('the log line of an entry has its members', () => {
  const lines: unknown[] = [];
  const author = { actor: 'key:ci', via: 'key', address: '192.0.2.7', requestId: 'request-1' };
  auditLog({ info: (line: unknown) => void lines.push(line) })({
    ...{ namespace: 'default', type: 'key.created', subject: 'key:ci', author },
    data: { role: 'reader' },
  });

  const { actor, ...rest } = author;
  const members = { namespace: 'default', type: 'key.created', subject: 'key:ci', changes: { role: 'reader' } };
  expect(lines).toEqual([{ audit: true, actor, ...rest, ...members }]);
});
