import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { type Replica, startReplica } from '../services/process.ts';
import { startTarget, type Target } from '../target.ts';

const [oldKey, newKey] = [1, 2].map((fill) => Buffer.alloc(32, fill).toString('base64')) as [string, string];

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

test('keys and values that change on two replicas under load lose no call', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'punctual-test-'));
  const { url: DATABASE_URL } = await createDatabase();
  const files = ['a', 'b'].map((name) => join(folder, name));
  await Promise.all(files.map((file) => writeFile(file, oldKey)));
  const replicas: Replica[] = await Promise.all(
    files.map((SECRETS_KEYS_FILE) => startReplica({ env: { DATABASE_URL, SECRETS_KEYS_FILE } })),
  );
  const [one, two] = replicas.map(({ url }) => supertest(url)) as [
    ReturnType<typeof supertest>,
    ReturnType<typeof supertest>,
  ];
  for (const http of [one, two])
    await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
  await one.put('/secrets/TOKEN').send({ value: 'value-0' }).expect(201);
  const called = { url: target.url, template: true, headers: { 'x-value': '{{ secrets.TOKEN }}' } };
  for (let n = 0; n < 10; n++)
    await one
      .put(`/tasks/load-${n}`)
      .send({ schedule: { every: '1s' }, target: called })
      .expect(201);
  const callsOf = (value: number) => target.requests.filter(({ headers }) => headers['x-value'] === `value-${value}`);
  const useOf = (value: number) => target.waitFor(() => callsOf(value).length >= 20, 30_000);
  await useOf(0);

  // The key is added on one replica only: it is in front there, and the other one meets values of it.
  await writeFile(files[0] as string, `${newKey},${oldKey}`);
  await writeFile(files[1] as string, `${oldKey},${newKey}`);
  replicas[0]?.kill('SIGHUP');
  const wrapped = async () => (await one.post('/secrets/rewrap').expect(200)).body;
  await poll(async () => (await wrapped()).rewrapped === 1, { what: 'the replica to take the new key' });
  await one.put('/secrets/TOKEN').send({ value: 'value-1' }).expect(200);
  await useOf(1);
  await two.put('/secrets/TOKEN').send({ value: 'value-2' }).expect(200);
  await useOf(2);
  expect((await wrapped()).remaining).toBe(0);
  await Promise.all(files.map((file) => writeFile(file, newKey)));
  for (const replica of replicas) replica.kill('SIGHUP');
  await one.put('/secrets/TOKEN').send({ value: 'value-3' }).expect(200);
  await useOf(3);

  const { body } = await one.get('/runs?limit=200&status=failed').expect(200);
  expect(body.items).toEqual([]);
  const values = target.requests.map(({ headers }) => Number(String(headers['x-value']).slice(-1)));
  expect(new Set(values)).toEqual(new Set([0, 1, 2, 3]));
});
