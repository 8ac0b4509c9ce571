import { beforeAll, expect, test } from 'vitest';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const read = async (id: string): Promise<Body> => (await api.http.get(`/tasks/${id}`).expect(200)).body;
const url = 'http://127.0.0.1:9/x';
const hook = { url, headers: {}, timeout: '10s' };

test('a task that asks for nothing has no policies', async () => {
  expect(await api.createManual('bare')).toMatchObject({
    maxConcurrency: null,
    concurrency: null,
    rate: null,
    hooks: null,
    heartbeatTimeout: null,
    fallback: null,
    retry: { maxDuration: null },
  });
});

test('policies are echoed in their long form, and read again as written', async () => {
  const made = await api.createManual('all', {
    overlap: 'allow',
    maxConcurrency: 4,
    concurrency: { key: 'reports', limit: 3 },
    rate: { key: 'billing', limit: 10, period: 'PT60S' },
    hooks: { before: url, onFailure: { url, headers: { 'X-A': 'b' }, timeout: '2000ms' }, onMissed: null },
    heartbeatTimeout: '90s',
    fallback: url,
    retry: { maxAttempts: 3, maxDuration: '3600s' },
  });
  expect(made).toMatchObject({
    maxConcurrency: 4,
    concurrency: { key: 'reports', limit: 3 },
    rate: { key: 'billing', limit: 10, period: '1m' },
    heartbeatTimeout: '1m30s',
    fallback: { type: 'http', method: 'POST', url, headers: {}, successStatus: ['2xx'] },
    retry: { maxDuration: '1h' },
  });
  expect(made.hooks).toEqual({
    before: { ...hook, onError: 'run' },
    onSuccess: null,
    onFailure: { url, headers: { 'x-a': 'b' }, timeout: '2s' },
    onRecovery: null,
    onMissed: null,
  });
  expect({ ...(await read('all')), warnings: [] }).toEqual(made);
  // What was read can be written back.
  const { id, version, createdAt, updatedAt, nextRunAt, lastRun, status, ...definition } = made;
  expect((await api.http.put('/tasks/all').send(definition).expect(200)).body).toEqual(made);
});

test('policies are changed and taken away one by one', async () => {
  await api.createManual('changing', {
    concurrency: { key: 'a', limit: 1 },
    hooks: { onSuccess: url, onFailure: url },
  });
  const patch = async (body: object) => (await api.http.patch('/tasks/changing').send(body).expect(200)).body;
  expect((await patch({ concurrency: { limit: 5 } })).concurrency).toEqual({ key: 'a', limit: 5 });
  expect((await patch({ hooks: { onSuccess: null } })).hooks).toMatchObject({ onSuccess: null, onFailure: hook });
  expect(await patch({ hooks: null, concurrency: null })).toMatchObject({ hooks: null, concurrency: null });
  expect(await read('changing')).toMatchObject({ hooks: null, concurrency: null, version: 4 });
});

test('values of headers stay out of the events, wherever they are', async () => {
  await api.createManual('quiet');
  const secret = 'hunter2hunter2';
  const call = { url, headers: { authorization: secret } };
  await api.http
    .patch('/tasks/quiet')
    .send({ hooks: { before: call, onSuccess: call }, fallback: call })
    .expect(200);
  await api.http.patch('/tasks/quiet').send({ hooks: null, fallback: null }).expect(200);
  const { text, body } = await api.http.get('/tasks/quiet/events').expect(200);
  expect(text).not.toContain(secret);
  expect(body.items[0].changes.hooks.from.before.headers).toEqual({ authorization: '••••••' });
});
