/** A change that was committed and then failed is made to hold by whoever asks for it again. */

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRunIds } from '../../../src/domain/run/ids.ts';
import { type Api, startApi } from './client.ts';

let api: Api;
let db: pg.Client;
beforeAll(async () => {
  api = await startApi();
  db = new pg.Client({ connectionString: api.database.url });
  await db.connect();
});
afterAll(() => db.end());

/** A task with an occurrence of a past minute that waits to be taken, in a way that nobody takes it. */
async function withWaitingRun(id: string): Promise<string> {
  await api.http.put(`/tasks/${id}`).send({ schedule: '0 3 1 1 *', target: 'http://127.0.0.1:9/' }).expect(201);
  const { rows } = await db.query(
    'select uid::integer, cluster.id as cluster from tasks, cluster where tasks.id = $1',
    [id],
  );
  const at = Math.floor(Date.now() / 60_000) * 60_000;
  const runId = createRunIds(rows[0].cluster).of(rows[0].uid, at);
  // Checked by somebody who never comes back: it is not taken meanwhile.
  await db.query(
    `insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, attempt, max_attempts, created_at, check_due)
     values ($1, $2, 'schedule', 'pending', $3, $3, $3, 0, 1, now(), now() + interval '1 hour')`,
    [runId, rows[0].uid, new Date(at)],
  );
  return runId;
}

const statusOf = async (runId: string) => (await api.http.get(`/runs/${runId}`).expect(200)).body.status;

test('a stop that is asked for again cancels what waits', async () => {
  const runId = await withWaitingRun('stopped');
  await db.query(`update tasks set status = 'stopped' where id = 'stopped'`);
  await api.http.post('/tasks/stopped/stop').send({ cancel: 'none' }).expect(409);
  expect(await statusOf(runId)).toBe('pending');
  await api.http.post('/tasks/stopped/stop').expect(409);
  expect(await statusOf(runId)).toBe('cancelled');
});

test('a deletion that is asked for again cancels what waits', async () => {
  const runId = await withWaitingRun('deleted');
  await db.query(`update tasks set deleted_at = now() where id = 'deleted'`);
  await api.http.delete('/tasks/deleted').expect(404);
  expect(await statusOf(runId)).toBe('cancelled');
  await api.http.delete(`/tasks/${randomUUID()}`).expect(404);
});

test('a schedule that is sent again cancels what is due no longer', async () => {
  const runId = await withWaitingRun('changed');
  await api.http.patch('/tasks/changed').send({ schedule: '0 3 1 1 *' }).expect(200);
  expect(await statusOf(runId)).toBe('cancelled');
});
