/**
 * Sends prepared HTTP requests over raw sockets, in a process of its own: little work, so that the server is the limit.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { answerEnd } from '../apparatus/answer-end.ts';
import { answerQuestions } from '../apparatus/answering.ts';
import type { LoadOptions, LoadResult } from '../apparatus/load.ts';

async function run({ port, connections, requests, repeat }: LoadOptions): Promise<LoadResult> {
  const total = requests.length * repeat;
  const latencies = new Float64Array(total);
  const statuses: Record<string, number> = {};
  let firstFailure: string | null = null;
  let sent = 0;
  let answered = 0;
  const sockets = await Promise.all(
    Array.from({ length: Math.min(connections, total) }, async () => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      await once(socket, 'connect');
      return socket;
    }),
  );
  const startedAt = performance.now();
  await new Promise<void>((resolve, reject) => {
    const work = (socket: Socket) => {
      let rest: Buffer | null = null;
      let sentAt = 0;
      const next = () => {
        if (sent === total) return socket.end();
        const request = requests[sent++ % requests.length] as Uint8Array;
        sentAt = performance.now();
        socket.write(request);
      };
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        try {
          const bytes: Buffer = rest === null ? chunk : Buffer.concat([rest, chunk]);
          rest = bytes;
          if (answerEnd(bytes) > bytes.length) return;
          rest = null;
          const status = bytes.toString('latin1', 9, 12);
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (!status.startsWith('2')) firstFailure ??= bytes.toString();
          latencies[answered++] = performance.now() - sentAt;
          if (answered === total) resolve();
          next();
        } catch (error) {
          reject(error);
        }
      });
      next();
    };
    for (const socket of sockets) work(socket);
  });
  return { ms: performance.now() - startedAt, latencies, statuses, firstFailure };
}

answerQuestions({ run });
