import { once } from 'node:events';
import type { Socket } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { ask, connectTo, exchange } from '../../raw-http.ts';
import { startTarget } from '../../target.ts';
import { type ApiProcess, type Body, startApiProcess } from './client.ts';

let api: ApiProcess;
// A process: the two ends of a connection that nobody reads must not take turns in one event loop.
beforeAll(async () => {
  api = await startApiProcess({
    MAX_CONCURRENT_REQUESTS: '8',
    ALLOWED_HOSTS: 'punctual.example, *.cluster.local:8443',
  });
});

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

async function metric(pattern: RegExp): Promise<number> {
  const { text } = await api.http.get('/metrics').expect(200);
  return Number(pattern.exec(text)?.[1]);
}

describe('one connection', () => {
  test('that asks for hundreds of things and reads nothing takes one place at most, and gives it back', async () => {
    const socket = await connectTo(api.url);
    socket.pause();
    socket.write(get('/metrics').repeat(250) + get('/x').repeat(300));
    for (let i = 0; i < 20; i++) await api.http.get('/tasks').expect(200);
    await api.http.get('/readyz').expect(200);
    socket.destroy();
    // All places are free afterwards: as many as there are can be taken at once.
    const many = await Promise.all(Array.from({ length: 8 }, () => fetch(`${api.url}/tasks`)));
    expect(many.map(({ status }) => status)).toEqual(Array(8).fill(200));
  });

  test('gets its answers in order, and is closed after one request too many', async () => {
    const few = await exchange(api.url, get('/livez') + get('/nowhere') + get('/tasks'), 3);
    expect(few.map(({ status }) => status)).toEqual([200, 404, 200]);
    const answers = await exchange(api.url, get('/livez').repeat(200), 200);
    expect(answers.length).toBeLessThan(200);
    expect(answers.slice(0, -1).every(({ status }) => status === 200)).toBe(true);
    expect(answers.at(-1)).toMatchObject({ status: 503, headers: { connection: 'close', 'retry-after': '1' } });
    expect(await metric(/given_up_total\{reason="pipelining"\} (\d+)/)).toBeGreaterThan(0);
  });

  test('is closed with a 400 where a body breaks behind a request under way', async () => {
    const target = await startTarget();
    const held: (() => void)[] = [];
    target.setBehaviour((response) => held.push(() => response.end()));
    await api.createManual('first', { target: target.url });
    const answers = exchange(
      api.url,
      'POST /tasks/first/trigger HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n\r\n' +
        'POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      2,
      10_000,
    );
    await target.waitFor((requests) => requests.length === 1);
    const malformed = /given_up_total\{reason="malformed"\} (\d+)/;
    await poll(async () => (await metric(malformed)) > 0, { what: 'the broken body to be seen' });
    for (const release of held) release();
    expect((await answers).map(({ status }) => status)).toEqual([202, 400]);
  });

  test('gives its place back however it ends', async () => {
    for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
      const sockets = await Promise.all(Array.from({ length: 8 }, () => connectTo(api.url)));
      for (const socket of sockets) {
        socket.write(get('/runs').repeat(20));
        socket[end]();
      }
      await Promise.all(sockets.map((socket) => socket.destroyed || once(socket.resume(), 'close')));
      await poll(async () => (await fetch(`${api.url}/tasks`)).status === 200, { what: 'a free place' });
    }
  });
});

describe('requests that are not whole', () => {
  test('hold no place while their bodies are awaited, and are ended', { timeout: 60_000 }, async () => {
    const body = JSON.stringify({ id: 'held', schedule: { manual: true }, target: 'http://127.0.0.1:9/' });
    const held = await Promise.all(Array.from({ length: 40 }, () => connectTo(api.url)));
    const closed = held.map((socket) => once(socket.resume(), 'close'));
    for (const [index, socket] of held.entries())
      socket.write(
        index % 2 === 0
          ? `POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`
          : 'GET /tasks HTTP/1.1\r\nHost: loc',
      );
    await api.http.get('/tasks').expect(200);
    await api.createManual('whole');
    // The clock of the server decides when.
    const answer = await ask(
      api.url,
      'POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
    );
    expect([answer.status, answer.headers.connection, answer.problem.code]).toEqual([408, 'close', 'request_timeout']);
    await Promise.all(closed);
    await api.http.get('/tasks').expect(200);
  });
});

test('those who wait for the end of a run hold no place, and are woken when it comes', {
  timeout: 60_000,
}, async () => {
  const target = await startTarget();
  const held: (() => void)[] = [];
  target.setBehaviour((response) => held.push(() => response.end()));
  await api.createManual('slow', { target: target.url, overlap: 'allow' });
  const waiting: Promise<Body>[] = [];
  for (let i = 1; i <= 20; i++) {
    const asked = api.http.post('/tasks/slow/trigger').set('prefer', 'wait=30').expect(202);
    waiting.push(asked.then(({ body }) => body));
    await target.waitFor((requests) => requests.length === i);
  }
  await api.http.get('/tasks').expect(200);
  for (const release of held) release();
  const runs = await Promise.all(waiting);
  expect(runs.map(({ status }) => status)).toEqual(Array(20).fill('succeeded'));
});

test('answers that nobody reads are given up, also where many are asked for', { timeout: 60_000 }, async () => {
  // More than a connection holds on the way: the contract again and again.
  const readers = await Promise.all(Array.from({ length: 30 }, () => connectTo(api.url)));
  const [quiet, ...sending] = readers as [Socket, ...Socket[]];
  const closed = new Promise((resolve) => quiet.once('close', resolve));
  // What cannot be routed, and what the door answers by itself, does not come by the hooks of a route.
  const long = `/%${'x'.repeat(6_000)}`;
  for (const request of [get(long), get(`/${long.slice(2)}`, 'Expect: a-miracle\r\n')]) {
    const socket = await connectTo(api.url);
    socket.pause();
    sending.push(socket);
    for (let i = 0; i < 40; i++) {
      socket.write(request.repeat(50));
      await api.http.get('/livez').expect(200);
    }
    expect(socket.destroyed).toBe(false);
  }
  for (const socket of readers) {
    socket.pause();
    socket.write(get('/docs/static/swagger-ui-bundle.js').repeat(60));
  }
  for (let i = 0; i < 10; i++) await api.http.get('/tasks').expect(200);
  // Those who keep sending are noticed too: each byte is a sign of life, but none of reading.
  await poll(
    async () => {
      for (const socket of sending) if (!socket.destroyed) socket.write('\r\n');
      return sending.every((socket) => socket.destroyed);
    },
    { what: 'the end of them', withinMs: 45_000, everyMs: 500 },
  );
  quiet.resume();
  await closed;
  await api.http.get('/tasks').expect(200);
});

test('more connections than there may be end the longest silent, and never the one that asks', {
  timeout: 60_000,
}, async () => {
  const silent: Socket[] = [];
  for (let i = 0; i < 11; i++)
    silent.push(...(await Promise.all(Array.from({ length: 100 }, () => connectTo(api.url)))));
  for (const socket of silent) socket.resume();
  await api.http.get('/tasks').expect(200);
  await poll(async () => silent.filter((socket) => socket.destroyed).length >= 76, { what: 'the first to be closed' });
  expect(silent.slice(-900).some((socket) => socket.destroyed)).toBe(false);
});

test('a caller has so many who wait; the rest is answered at once, and says so', { timeout: 60_000 }, async () => {
  const target = await startTarget();
  const held: (() => void)[] = [];
  target.setBehaviour((response) => held.push(() => response.end()));
  await api.createManual('hanging', { target: target.url, overlap: 'allow' });
  const asked: Promise<Response>[] = [];
  for (let i = 1; i <= 65; i++) {
    asked.push(fetch(`${api.url}/tasks/hanging/trigger`, { method: 'POST', headers: { prefer: 'wait=50' } }));
    await target.waitFor((requests) => requests.length === i);
  }
  const last = await (asked.pop() as Promise<Response>);
  expect([last.status, last.headers.get('preference-applied')]).toEqual([202, null]);
  await api.http.get('/tasks').expect(200);
  for (const release of held) release();
  for (const answer of await Promise.all(asked)) {
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, 'wait=50']);
    expect(((await answer.json()) as Body).status).toBe('succeeded');
  }
});
