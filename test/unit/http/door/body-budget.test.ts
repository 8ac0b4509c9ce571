import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { bodyBytes, createBodyBudget } from '../../../../src/http/door/body-budget.ts';
import { createDoor } from '../../../../src/http/door/door.ts';
import { createClock } from '../../../clock.ts';
import { poll } from '../../../poll.ts';
import { ask, connectTo } from '../../../raw-http.ts';

const mib = 1024 * 1024;

function createBudget() {
  const gone: string[] = [];
  let now = 0;
  const budget = createBodyBudget<string>({ monotonic: () => now, giveUp: (body) => gone.push(body) });
  return {
    ...budget,
    gone,
    pass(ms: number) {
      now += ms;
    },
  };
}

/** A door whose clock stands still, before routes that never answer a POST. Open unless told otherwise. */
async function openDoor({ open = true } = {}) {
  const clock = createClock();
  let begun = 0;
  const door = createDoor({
    host: '127.0.0.1',
    maxRequests: 100,
    open,
    basePath: '',
    keepAliveTimeoutMs: 60_000,
    clock,
    requestIdOf: () => 'id',
    onShed() {},
    onGivenUp() {},
  });
  const server = door.serve((request, response) => {
    begun++;
    if (request.method === 'GET') response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, begun: () => begun, server, clock };
}

const chunked = (line: string) => `${line} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`;
const ofLength = (line: string, length: number, more = '') =>
  `${line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n${more}\r\n`;

async function hold(door: Awaited<ReturnType<typeof openDoor>>, request: string, times: number) {
  const before = door.begun();
  const sockets = await Promise.all(Array.from({ length: times }, () => connectTo(door.url)));
  for (const socket of sockets) socket.write(request);
  await poll(() => door.begun() === before + times, { what: 'all to be let in' });
}

test('a body counts as what its route reads of it at most', () => {
  const bytes = (method: string, url: string, headers: Record<string, string>, basePath = '') =>
    bodyBytes({ method, url, headers }, basePath);
  const inChunks = { 'transfer-encoding': 'chunked' };
  expect(bytes('GET', '/tasks', {})).toBe(0);
  expect(bytes('POST', '/tasks', { 'content-length': '7' })).toBe(7);
  for (const url of [
    '/tasks',
    '/tasks/batches',
    '/tasks/batch/start',
    '/x/tasks/batch',
    '/%',
    '/tasks/batch%',
    '/?/tasks/batch',
  ])
    for (const headers of [inChunks, { 'content-length': '99999999999' }])
      expect(bytes('POST', url, headers), url).toBe(mib / 4);
  expect(bytes('PUT', '/tasks/batch', inChunks)).toBe(mib / 4);
  for (const url of ['/tasks/batch', '/tasks/batch/', '/tasks/batch?a', '/tasks/%62atch', 'http://h/tasks/batch'])
    expect(bytes('POST', url, inChunks), url).toBe(4 * mib);
  expect(bytes('POST', '/tasks/batch', { 'content-length': `${mib}` })).toBe(mib);
  expect(bytes('POST', '/x/tasks/batch', inChunks, '/x')).toBe(4 * mib);
});

test('strangers have a quarter of the room, and make some among themselves only', () => {
  const budget = createBudget();
  expect(budget.take('known', 4 * mib, false)).toBe(true);
  for (let i = 0; i < 8; i++) expect(budget.take(`stranger ${i}`, 4 * mib, true)).toBe(true);
  expect(budget.take('one more', 4 * mib, true)).toBe(false);
  expect(budget.take('a small one', 16 * 1024, true)).toBe(true);
  expect(budget.take('known too', 4 * mib, false)).toBe(true);
  budget.giveBack('stranger 3');
  budget.giveBack('stranger 3');
  expect(budget.take('one more', 4 * mib, true)).toBe(true);
  expect(budget.take('too many', 4 * mib, true)).toBe(false);
  budget.pass(2_000);
  expect(budget.take('after the slow ones', 4 * mib, true)).toBe(true);
  expect(budget.gone).toEqual(['stranger 0']);
});

test('those with credentials make room among all, the oldest first', () => {
  const budget = createBudget();
  for (let i = 0; i < 32; i++) expect(budget.take(`${i}`, 4 * mib, false)).toBe(true);
  expect(budget.take('more', 20 * 1024, false)).toBe(false);
  expect(budget.take('small', 16 * 1024, false)).toBe(true);
  budget.pass(2_000);
  expect(budget.take('more', 5 * mib, false)).toBe(true);
  expect(budget.gone).toEqual(['0', '1']);
});

test('a few slow bodies in chunks shed nobody, and when there is no room small ones come in', async () => {
  const door = await openDoor();
  await hold(door, chunked('POST /tasks'), 64);
  await hold(door, chunked('POST /tasks/batch'), 28);
  expect((await ask(door.url, chunked('POST /tasks/batch'))).status).toBe(503);
  expect((await ask(door.url, ofLength('POST /tasks', 20_000))).status).toBe(503);
  // Who watches the service sends no body: what looks like it and has one is counted like the rest.
  for (const path of ['/metrics', '/livez', '/readyz']) {
    expect((await ask(door.url, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)).status).toBe(200);
    expect((await ask(door.url, chunked(`GET ${path}`))).status).toBe(503);
    expect((await ask(door.url, ofLength(`POST ${path}`, 20_000))).status).toBe(503);
  }
  await hold(door, ofLength('POST /tasks', 16_384), 8);
});

test('bodies of strangers leave room for those of callers with credentials', async () => {
  const door = await openDoor({ open: false });
  await hold(door, chunked('POST /tasks/batch'), 8);
  expect((await ask(door.url, chunked('POST /tasks'))).status).toBe(503);
  await hold(door, ofLength('POST /tasks', 200_000, 'Authorization: Bearer x\r\n'), 8);
});

test('refusals that nobody waits for any more hold up no other', async () => {
  const door = await openDoor();
  await hold(door, chunked('POST /tasks/batch'), 32);
  let asked = 0;
  let closed = 0;
  door.server.on('request', (request) => {
    asked++;
    request.socket.once('close', () => closed++);
  });
  const refused = ofLength('POST /tasks', 20_000);
  const gone = await Promise.all(Array.from({ length: 150 }, () => connectTo(door.url)));
  for (const socket of gone) socket.write(refused);
  await poll(() => asked === 150, { what: 'all to have asked' });
  for (const socket of gone) socket.resetAndDestroy();
  await poll(() => closed === 150, { what: 'all to have gone' });
  const answer = ask(door.url, refused);
  await poll(() => asked === 151, { what: 'one more to have asked' });
  await door.clock.advance(50);
  expect((await answer).status).toBe(503);
});
