import { describe, expect, test } from 'vitest';
import { attemptOn, call, startExecutor } from '../harness.ts';
import { plainAnswer, startRaw } from '../raw-server.ts';

const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\ncontent-length: 7\r\nconnection: close\r\n\r\n';
const interim = {
  '100': 'HTTP/1.1 100 Continue\r\n\r\n',
  '101, which nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  '102': 'HTTP/1.1 102 Processing\r\n\r\n',
  '103 with fields of a final answer': hints,
  '199': 'HTTP/1.1 199\r\n\r\n',
  '103 after 100': `HTTP/1.1 100 Continue\r\n\r\n${hints}`,
  '100 of HTTP/1.0': 'HTTP/1.0 100 Continue\r\n\r\n',
  '100 with bare line feeds': 'HTTP/1.1 100 Continue\nx: y\n\n',
  many: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(10_000),
};

describe.each(Object.entries(interim))('an interim answer %s', (_, before) => {
  test.each(['GET', 'POST', 'HEAD'] as const)('to %s is passed over, on the same connection', async (method) => {
    const body = method === 'HEAD' ? '' : 'ok';
    const server = await startRaw((socket) =>
      socket.write(`${before}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${body}`),
    );
    const { execute } = startExecutor();
    for (let calls = 0; calls < 2; calls++) {
      const outcome = await execute(attemptOn({ url: server.url, method })).outcome;
      expect([outcome.status, outcome.detail?.httpStatus, outcome.output]).toEqual(['succeeded', 200, body]);
    }
    // After HEAD the client never keeps one.
    expect(server.connections()).toBe(method === 'HEAD' ? 2 : 1);
  });
});

test('it may come in pieces of any size', async () => {
  const bytes = `HTTP/1.1 100 Continue\r\n\r\n${hints}${plainAnswer}`;
  const server = await startRaw(async (socket) => {
    socket.setNoDelay(true);
    for (const byte of bytes) {
      socket.write(byte);
      await new Promise((resume) => setImmediate(resume));
    }
  });
  const { execute } = startExecutor();
  for (let calls = 0; calls < 2; calls++) {
    const outcome = await execute(attemptOn({ url: server.url })).outcome;
    expect([outcome.status, outcome.output]).toEqual(['succeeded', 'ok']);
  }
});

test.each([
  ['more than 1 MiB of them', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(50_000), /interim answers/],
  ['one longer than headers may be', `HTTP/1.1 103 Early Hints\r\nx: ${'a'.repeat(20_000)}`, /headers are too long/],
])('%s end the call', async (_, bytes, message) => {
  const server = await startRaw((socket) => socket.write(bytes));
  const { status, error } = await call({ url: server.url });
  expect([status, error?.kind]).toEqual(['failed', 'rejected']);
  expect(error?.message).toMatch(message);
});

test.each(['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 1', 'HTTP/1.1 103 Early Hints\r\nlink: x'])(
  'a connection that ends after %j gave no answer',
  async (bytes) => {
    const server = await startRaw((socket) => socket.end(bytes));
    const { status, detail, error } = await call({ url: server.url });
    expect([status, detail, error?.kind]).toEqual(['failed', null, 'unavailable']);
  },
);

describe.each([204, 304])('an answer of %s', (status) => {
  test.each([
    ['with a length', 'content-length: 5\r\n\r\n'],
    ['with a length and the body', 'content-length: 5\r\n\r\nhello'],
    ['with a coding', 'transfer-encoding: chunked\r\n\r\n'],
    ['that closes', 'connection: close\r\ncontent-length: 5\r\n\r\n'],
  ])('%s is whole', async (_, rest) => {
    const server = await startRaw((socket) => socket.write(`HTTP/1.1 ${status} X\r\n${rest}`));
    const { execute } = startExecutor();
    for (let calls = 0; calls < 2; calls++) {
      const successStatus = [String(status)];
      const outcome = await execute(attemptOn({ url: server.url, method: 'GET', successStatus })).outcome;
      expect([outcome.status, outcome.detail?.httpStatus, outcome.output]).toEqual(['succeeded', status, '']);
    }
  });
});
