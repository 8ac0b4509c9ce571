/**
 * Calls that a replica makes to itself at its start, so that V8 has compiled the code of calls when the first burst
 * comes.
 */

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Clock } from '../../clock.ts';
import { defaultNamespace } from '../../domain/access/namespace.ts';
import type { Attempt } from '../executor.ts';
import type { HttpExecutor } from './executor.ts';
import type { HttpTarget } from './target/target.ts';

export type WarmUpOptions = {
  clock: Clock;
  /** May reach the loopback address; closed when the calls are over. Closing it earlier ends them. */
  executor: HttpExecutor;
  /** A random UUID. */
  newId(): string;
};

/** More calls than this made the first burst no quicker (measured). They take a third of a second. */
const calls = 2_000;
/** Twice as many as an origin that answers quickly has connections: half of them wait for one. */
const atOnce = 128;
/** The longest time for them, in milliseconds, for a replica with little processor time. */
const longestMs = 1_000;
const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

/**
 * Makes them, to a server of its own on the loopback address that is gone afterwards. Resolves with how many were
 * answered; rejects where there is no such address.
 */
export async function warmUp({ clock, executor, newId }: WarmUpOptions): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    // A request of this size comes in one piece; where it does not, an answer too many ends its connection, and no
    // more.
    socket.on('data', () => socket.write(answer));
  });
  try {
    // A connection that is not accepted counts as a call without an answer.
    server.on('error', () => {});
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const target: HttpTarget = { type: 'http', url, method: 'POST', headers: {}, successStatus: ['2xx'] };
    const until = clock.monotonic() + longestMs;
    let answered = 0;
    for (let made = 0; made < calls && clock.monotonic() < until; made += atOnce) {
      const attempts = Array.from({ length: atOnce }, () => attemptOn(target, newId(), clock.now()));
      const outcomes = await Promise.all(attempts.map((attempt) => executor.execute(attempt).outcome));
      const successes = outcomes.filter(({ status }) => status === 'succeeded').length;
      if (successes === 0) break;
      answered += successes;
    }
    return answered;
  } finally {
    executor.close();
    server.close();
  }
}

function attemptOn(target: HttpTarget, id: string, now: number): Attempt<HttpTarget> {
  return {
    ...{
      namespace: defaultNamespace,
      taskId: id,
      runId: id,
      attempt: 1,
      scheduledFor: now,
      trigger: 'schedule',
      target,
      timeoutMs: longestMs,
    },
    ...{ fallback: null, about: null, holdMs: null, atMostOnce: false, token: null, effectiveDueAt: now },
  };
}
