import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi({ MAX_CONCURRENT_REQUESTS: '2' });
});

const body = JSON.stringify({ id: 'held', schedule: { manual: true }, target: 'http://127.0.0.1:9/' });

/** A request whose body does not come: under way from when the server asks for that. */
async function hold() {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1').setEncoding('utf8');
  onTestFinished(() => void socket.destroy());
  socket.write(
    `POST /tasks HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 100 /);
  return socket;
}

const shed = async (): Promise<number> => {
  const { text } = await api.http.get('/metrics').expect(200);
  return Number(/^http_requests_shed_total (\d+)$/m.exec(text)?.[1]);
};

test('requests beyond the limit are told to come back, health and metrics are answered, and all is well afterwards', async () => {
  const [held, leaving] = [await hold(), await hold()];
  const refused = await api.http.get('/tasks').set('x-request-id', 'refused-1').expect(503);
  expect(refused.headers).toMatchObject({
    'retry-after': '1',
    'content-type': expect.stringMatching(/^application\/problem\+json/),
    'x-request-id': 'refused-1',
  });
  expect(refused.body satisfies Body).toEqual({
    type: 'urn:punctual:problem:unavailable',
    title: 'Not available right now',
    status: 503,
    detail: 'more requests are under way than are answered in good time',
    instance: '/tasks',
    code: 'unavailable',
    requestId: 'refused-1',
  });
  await api.http.get('/nowhere').expect(503);
  // With a body that nobody reads, on a connection that goes on.
  await api.http
    .post('/tasks')
    .send({ id: 'x'.repeat(200_000) })
    .expect(503);
  for (const path of ['/livez', '/readyz', '/healthz', '/metrics']) await api.http.get(path).expect(200);
  expect(await shed()).toBe(3);

  held.write(body);
  expect(String(await once(held, 'data'))).toMatch(/^HTTP\/1.1 201 /);
  await api.http.get('/tasks/held').expect(200);
  // One that goes away leaves its place too.
  const other = await hold();
  await api.http.get('/tasks').expect(503);
  leaving.destroy();
  await expect.poll(async () => (await api.http.get('/tasks')).status, { timeout: 10_000 }).toBe(200);
  other.destroy();
});
