import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type EventStreamOptions, openEventStream } from '../../../../src/http/sse/event-stream.ts';
import { createClock } from '../../../clock.ts';
import { poll } from '../../../poll.ts';

/** A stream to a client over a real connection. */
async function openStream(options: Partial<EventStreamOptions> = {}) {
  const clock = createClock();
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let received = '';
  client.on('data', (bytes) => {
    received += bytes.toString();
  });
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  let closed = 0;
  const stream = openEventStream({
    ...{ response, headers: {}, clock },
    onClosed: () => closed++,
    ...options,
  });
  return { stream, client, clock, response, received: () => received, closed: () => closed };
}

const data = 'x'.repeat(64 * 1024);

/** Sends to a client that does not read until nothing more is taken. */
async function fill({ stream, client, response, received }: Awaited<ReturnType<typeof openStream>>): Promise<void> {
  await poll(() => received().includes('\r\n\r\n'), { what: 'the head' });
  client.pause();
  let full = 0;
  await poll(
    () => {
      if (stream.send({ event: 'big', data })) full = 0;
      else full += response.writableLength > 0 ? 1 : 0;
      return full === 20;
    },
    { what: 'the buffers of the connection to be full', everyMs: 1 },
  );
}

test('the head comes at once, and tells proxies to pass everything on', async () => {
  const { received } = await openStream({ headers: { 'x-request-id': 'r1' } });
  await poll(() => received().includes('\r\n\r\n'), { what: 'the head' });
  expect(received()).toMatch(/^HTTP\/1.1 200 OK\r\nx-request-id: r1\r\ncontent-type: text\/event-stream/);
  expect(received()).toContain('cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\n');
});

test('an event has an id, a name, and a line for each line of its data', async () => {
  const { stream, received } = await openStream();
  expect(stream.send({ event: 'log', id: 'a:1', data: 'one\ntwo\r\nthree' })).toBe(true);
  await poll(() => received().includes('id: a:1\nevent: log\ndata: one\ndata: two\ndata: three\n\n'), {
    what: 'the event',
  });
});

test('a comment comes every 15 seconds', async () => {
  const { clock, received } = await openStream();
  await clock.advance(45_000);
  await poll(() => received().split(':\n\n').length === 4, { what: 'three comments' });
});

test('nothing is kept for a client that does not read, which is told when it has', async () => {
  let ready = 0;
  const opened = await openStream({ onReady: () => ready++ });
  const { stream, client, response, received } = opened;
  await fill(opened);
  const before = ready;
  const kept = response.writableLength;
  for (let more = 0; more < 100; more++) expect(stream.send({ event: 'big', data })).toBe(false);
  expect(response.writableLength).toBe(kept);
  expect(kept).toBeLessThan(200 * 1024);
  client.resume();
  await poll(() => ready === before + 1, { what: 'the client to have read' });
  expect(stream.send({ event: 'small', data: 'after' })).toBe(true);
  await poll(() => received().includes('event: small\ndata: after\n\n'), { what: 'the event afterwards' });
});

test('a client that reads nothing for a minute is given up', async () => {
  const opened = await openStream();
  await fill(opened);
  await opened.clock.advance(45_000);
  expect(opened.closed()).toBe(0);
  await opened.clock.advance(15_000);
  await poll(() => opened.closed() === 1, { what: 'the stream to be closed' });
});

test('the end comes once, and does not wait for a client that does not read', async () => {
  const opened = await openStream();
  const { stream, clock, closed } = opened;
  await fill(opened);
  stream.end({ event: 'goodbye', data: '{}' });
  stream.end({ event: 'goodbye', data: '{}' });
  expect(stream.send({ event: 'more', data: '' })).toBe(false);
  await clock.advance(1_000);
  await poll(() => closed() === 1, { what: 'the stream to be closed' });
});

test('the last event reaches a client that reads, and nothing follows it', async () => {
  const { stream, received, closed } = await openStream();
  stream.send({ event: 'first', data: '1' });
  stream.end({ event: 'goodbye', data: '{}' });
  await poll(() => closed() === 1, { what: 'the stream to be closed' });
  expect(received()).toContain('event: first\ndata: 1\n\n');
  expect(received()).toContain('event: goodbye\ndata: {}\n\n');
});

test('a client that leaves closes its stream', async () => {
  const { stream, client, received, closed } = await openStream();
  await poll(() => received().includes('\r\n\r\n'), { what: 'the head' });
  client.destroy();
  await poll(() => closed() === 1, { what: 'the stream to be closed' });
  expect(stream.send({ event: 'more', data: '' })).toBe(false);
});
