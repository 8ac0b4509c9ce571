import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../../../src/executors/executor.ts';
import { createClock } from '../../../../clock.ts';
import { poll } from '../../../../poll.ts';
import { attemptOn, call, startExecutor } from '../harness.ts';
import { plainAnswer, startRaw } from '../raw-server.ts';

const ways = {
  'a FIN': (socket: Socket) => void socket.end(),
  'a reset': (socket: Socket) => void socket.resetAndDestroy(),
};

describe.each(Object.entries(ways))('a reused connection that ends with %s instead of an answer', (_, end) => {
  const breaking = () => startRaw((socket, before) => (before === 1 ? end(socket) : socket.write(plainAnswer)));

  test('costs nothing: the same call is made again on a new one', async () => {
    const server = await breaking();
    const { execute } = startExecutor();
    const body = { text: 'x'.repeat(100_000) };
    for (const runId of ['1', '2']) {
      const outcome = await execute(attemptOn({ url: server.url, body }, { runId })).outcome;
      expect([outcome.status, outcome.output]).toEqual(['succeeded', 'ok']);
    }
    const [, second, again] = server.requests;
    expect(server.requests.map(({ connection }) => connection)).toEqual([0, 0, 1]);
    expect([again?.head, again?.body]).toEqual([second?.head, second?.body]);
    expect(again?.head).toMatch(/idempotency-key: 2\r\n(.+\r\n)*x-attempt: 1\r\n/);
  });

  test('is a failure of a call that is made at most once', async () => {
    const server = await breaking();
    const { execute } = startExecutor();
    const attempts = [1, 2].map(() => attemptOn({ url: server.url }, { atMostOnce: true }));
    const outcomes: Outcome[] = [];
    for (const attempt of attempts) outcomes.push(await execute(attempt).outcome);
    expect(outcomes.map(({ status, error }) => [status, error?.kind])).toEqual([
      ['succeeded', undefined],
      ['failed', 'unavailable'],
    ]);
    expect(server.requests).toHaveLength(2);
  });
});

test('a call is made again once, not more often', async () => {
  const server = await startRaw((socket, before) => (before > 0 ? socket.end() : socket.write(plainAnswer)));
  const { execute } = startExecutor();
  await execute(attemptOn({ url: server.url })).outcome;
  const { status, error } = await execute(attemptOn({ url: server.url })).outcome;
  expect([status, error?.kind, server.requests.length]).toEqual(['failed', 'unavailable', 3]);
});

test('a call on a new connection is not made again', async () => {
  const server = await startRaw((socket) => socket.end());
  const { status } = await call({ url: server.url });
  expect([status, server.requests.length]).toEqual(['failed', 1]);
});

test.each([['H'], ['HTTP/1.1 100 Continue\r\n\r\n'], ['HTTP/1.1 2']])(
  'a call whose answer began with %j is not made again',
  async (bytes) => {
    const server = await startRaw((socket, before) => (before === 0 ? socket.write(plainAnswer) : socket.end(bytes)));
    const { execute } = startExecutor();
    await execute(attemptOn({ url: server.url })).outcome;
    const { status, error } = await execute(attemptOn({ url: server.url })).outcome;
    expect([status, error?.kind, server.requests.length]).toEqual(['failed', 'unavailable', 2]);
  },
);

test('a call made again is cancelled and times out like any other', async () => {
  const server = await startRaw((socket, before) => {
    if (before === 1) socket.end();
    else if (before === 0) socket.write(plainAnswer);
  });
  const { execute } = startExecutor();
  await execute(attemptOn({ url: server.url })).outcome;
  const attempt = execute(attemptOn({ url: server.url }));
  await poll(async () => server.requests.length === 3, { what: 'the call to be made again' });
  attempt.cancel();
  expect((await attempt.outcome).status).toBe('cancelled');
});

test('of many calls to a target that closes idle connections none fails', async () => {
  const server = await startRaw((socket, before) => {
    socket.write(plainAnswer);
    // Now and then just as the next call is on its way.
    if (before % 3 === 0) setImmediate(() => socket.end());
  });
  const { execute } = startExecutor({ maxConnectionsPerOrigin: 4 });
  for (let round = 0; round < 100; round++) {
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => execute(attemptOn({ url: server.url })).outcome));
    expect(outcomes.map(({ error }) => error)).toEqual([null, null, null, null]);
  }
});

describe('a connection', () => {
  async function afterIdle(idleMs: number, atMostOnce: boolean): Promise<number[]> {
    const clock = createClock();
    const server = await startRaw((socket) => socket.write(plainAnswer));
    const { execute } = startExecutor({ clock });
    for (let calls = 0; calls < 2; calls++) {
      await execute(attemptOn({ url: server.url }, { atMostOnce })).outcome;
      clock.freeze(idleMs);
    }
    return server.requests.map(({ connection }) => connection);
  }

  test('that idled for more than half a second carries no call that is made at most once', async () => {
    expect(await afterIdle(500, true)).toEqual([0, 0]);
    expect(await afterIdle(501, true)).toEqual([0, 1]);
    expect(await afterIdle(501, false)).toEqual([0, 0]);
  });

  test('lives for a minute at most, however busy', async () => {
    const clock = createClock();
    const server = await startRaw((socket) => socket.write(plainAnswer));
    const { execute } = startExecutor({ clock });
    for (let calls = 0; calls < 300; calls++) {
      expect((await execute(attemptOn({ url: server.url })).outcome).status).toBe('succeeded');
      clock.freeze(450);
    }
    expect(server.connections()).toBe(3);
  });

  test('is not kept longer than the target says it keeps it', async () => {
    const hint = 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok';
    const server = await startRaw((socket) => socket.write(hint));
    const { execute } = startExecutor();
    for (let calls = 0; calls < 2; calls++) await execute(attemptOn({ url: server.url })).outcome;
    expect(server.connections()).toBe(2);
  });
});
