/** Sends API load for a while over raw sockets, in a process of its own. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerEnd } from '../apparatus/answer-end.ts';
import { answerQuestions } from '../apparatus/answering.ts';
import type { ApiAnswers, ApiLoad } from '../apparatus/api-load.ts';

/** What the service asks for when it sheds load. */
const retryAfterMs = 1_000;

/** One connection: sends a request at a time. */
type Line = { send(request: Uint8Array): Promise<string>; end(): void };

async function openLine(port: number): Promise<Line> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let rest: Buffer = Buffer.alloc(0);
  let onAnswer = (_status: string) => {};
  let onError = (_error: unknown) => {};
  socket.on('error', (error) => onError(error));
  socket.on('data', (chunk: Buffer) => {
    try {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      if (answerEnd(rest) > rest.length) return;
      const status = rest.toString('latin1', 9, 12);
      rest = Buffer.alloc(0);
      onAnswer(status);
    } catch (error) {
      onError(error);
    }
  });
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        [onAnswer, onError] = [resolve, reject];
        socket.write(request);
      }),
    end: () => void socket.end(),
  };
}

let endsAt = 0;

async function send({ port, requests, forMs, rate, connections, heedsRetryAfter }: ApiLoad): Promise<ApiAnswers> {
  const latencies: number[] = [];
  const refusals: number[] = [];
  const statuses: Record<string, number> = {};
  const lines = await Promise.all(Array.from({ length: connections }, () => openLine(port)));
  let next = 0;

  async function ask(line: Line, dueAt: number): Promise<boolean> {
    const status = await line.send(requests[next++ % requests.length] as Uint8Array);
    statuses[status] = (statuses[status] ?? 0) + 1;
    (status.startsWith('2') ? latencies : refusals).push(performance.now() - dueAt);
    return status !== '503';
  }

  const startedAt = performance.now();
  endsAt = startedAt + forMs;
  if (rate === null) {
    const work = async (line: Line) => {
      while (performance.now() < endsAt) {
        const isServed = await ask(line, performance.now());
        // Spread, as clients are.
        if (!isServed && heedsRetryAfter) await sleep(retryAfterMs * (1 + Math.random()));
      }
    };
    await Promise.all(lines.map(work));
  } else {
    const free = [...lines];
    const underWay: Promise<void>[] = [];
    const one = async (dueAt: number) => {
      let line = free.pop();
      if (line === undefined) {
        line = await openLine(port);
        lines.push(line);
      }
      await ask(line, dueAt);
      free.push(line);
    };
    for (let number = 0; performance.now() < endsAt; number++) {
      // What is late is late: the time counts from when it was to be sent.
      const dueAt = startedAt + (number * 1_000) / rate;
      const wait = dueAt - performance.now();
      if (wait > 0) await sleep(wait);
      underWay.push(one(dueAt));
    }
    await Promise.all(underWay);
  }
  for (const line of lines) line.end();
  return { latencies: Float64Array.from(latencies), refusals: Float64Array.from(refusals), statuses };
}

function stop(): void {
  endsAt = 0;
}

answerQuestions({ send, stop });
