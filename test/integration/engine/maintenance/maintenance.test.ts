import { beforeAll, expect, test } from 'vitest';
import { createMaintenanceStep } from '../../../../src/engine/maintenance/maintenance.ts';
import { noteAudit } from '../../../../src/store/audit/audit.ts';
import { openStore, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const day = 86_400_000;

/** One pass of a replica: all its steps until nothing is left to do. */
async function pass(isHeld: boolean): Promise<void> {
  const step = createMaintenanceStep({
    database: store.database,
    time: { now: () => t0 } as Parameters<typeof createMaintenanceStep>[0]['time'],
    ...{ retentionMs: 30 * day, auditRetentionMs: 365 * day },
    lease: { held: () => isHeld },
    pause: async () => {},
  });
  for (let steps = 0; (await step()) < 60_000; steps++) expect(steps).toBeLessThan(50);
}

const author = { actor: 'key:ci', via: 'key', address: null, requestId: null };

test('entries of the audit go after its own retention, and only from a replica that holds its lease', async () => {
  // More than one batch has to go.
  await store.db.query(
    `insert into audit (namespace, at, type, actor, via)
     select '*', $1::timestamptz - n * interval '1 second', 'sign_out', 'user:old', 'session'
     from generate_series(1, 1500) n`,
    [new Date(t0 - 365 * day).toISOString()],
  );
  for (const days of [366, 364, 31])
    await noteAudit(
      store.db,
      { namespace: '*', type: 'sign_in', subject: `${days}`, author, data: null },
      t0 - days * day,
    );
  const left = async () =>
    (await store.db.query('select subject from audit order by at')).rows.map(({ subject }) => subject);
  await pass(false);
  expect(await left()).toHaveLength(1_503);
  await pass(true);
  expect(await left()).toEqual(['364', '31']);
});

test('sessions go when they are over, whether of age or because nobody used them', async () => {
  await store.db.query(
    `insert into sessions (hash, subject, created_at, used_at, ends_at)
     select name, 'user:ann', $1::timestamptz, $1::timestamptz + used, $1::timestamptz + ends
     from (values ('live', interval '-11 hours', interval '1 hour'), ('idle', interval '-12 hours', interval '1 hour'),
       ('over', interval '-1 second', interval '0')) as s(name, used, ends)`,
    [new Date(t0).toISOString()],
  );
  await pass(true);
  expect((await store.db.query('select hash from sessions')).rows).toEqual([{ hash: 'live' }]);
});

test('the log of a run goes when the run is gone', async () => {
  const gone = '01939000-0000-7000-8000-000000000000';
  await store.db.query('insert into run_logs (run, bytes, held, dropped_from, dropped_to) values ($1, 1, 0, 0, 0)', [
    gone,
  ]);
  await store.db.query(`insert into run_log (run, attempt, "offset", bytes) values ($1, 1, 0, 'x')`, [gone]);
  await pass(true);
  expect((await store.db.query('select run from run_logs union select run from run_log')).rows).toEqual([]);
});
