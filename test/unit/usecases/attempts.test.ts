import { expect, test } from 'vitest';
import type { AuditEntry } from '../../../src/store/audit/audit.ts';
import { createAttempts } from '../../../src/usecases/audit/attempts.ts';
import { createClock } from '../../clock.ts';
import { fakeQuery } from '../../fake-query.ts';

const author = { actor: 'unknown', via: 'none', address: '192.0.2.7', requestId: 'request-1' };
const entry: AuditEntry = { namespace: '*', type: 'access_refused', subject: null, author, data: { status: 401 } };

function setUp() {
  const clock = createClock();
  const written: Record<string, unknown>[] = [];
  const logged: AuditEntry[] = [];
  const postgres = { isAway: false };
  const query = fakeQuery(async ({ values = [] }) => {
    if (postgres.isAway) throw new Error('Postgres is away');
    written.push(...JSON.parse(String(values[0])));
    return [];
  });
  const database = { pool: { query } };
  const logAudit = (each: AuditEntry) => void logged.push(each);
  const attempts = createAttempts({ database, now: clock.now, logAudit, clock });
  const note = (times: number) => {
    for (let n = 0; n < times; n++) attempts.note(entry);
  };
  return { clock, written, logged, postgres, attempts, note };
}

test('ten attempts a second are kept, and the number of the others is told', async () => {
  const { clock, written, logged, note } = setUp();
  note(25);
  await clock.advance(500);
  expect(written.length).toBe(10);
  await clock.advance(1_000);
  expect(written.slice(10)).toMatchObject([{ type: 'access_refused', actor: 'scheduler', data: { leftOut: 15 } }]);
  expect(logged.length).toBe(11);

  note(3);
  await clock.advance(2_000);
  expect(written.length).toBe(14);
});

test('where Postgres is away, no more than a thousand wait, and they are written once it is back', async () => {
  const { clock, written, postgres, note } = setUp();
  postgres.isAway = true;
  for (let second = 0; second < 200; second++) {
    note(20);
    await clock.advance(1_000);
  }
  expect(written).toEqual([]);
  postgres.isAway = false;
  await clock.advance(60_000);
  const told = written.flatMap(({ data }) => (data as { leftOut?: number }).leftOut ?? []);
  const kept = written.length - told.length;
  expect(written.length).toBeLessThanOrEqual(1_002);
  expect(kept + told.reduce((sum, count) => sum + count, 0)).toBe(4_000);
});

test('what waits at the end is written, once', async () => {
  const { clock, written, attempts, note } = setUp();
  note(12);
  await attempts.end();
  expect(written.length).toBe(11);
  await clock.advance(5_000);
  expect(written.length).toBe(11);
});
