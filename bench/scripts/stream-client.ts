/** Keeps streams of live events open, in a process of its own, and counts the events. */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { answerQuestions } from '../apparatus/answering.ts';
import type { OpenStreams } from '../apparatus/streams.ts';

const sockets: Socket[] = [];
let events = 0;

/** Resolves when each stream has said hello. */
async function open({ ports, count, path }: OpenStreams): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, place) => {
      const socket = connect({ port: ports[place % ports.length] as number, host: '127.0.0.1', noDelay: true });
      sockets.push(socket);
      await once(socket, 'connect');
      socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
      await new Promise<void>((resolve, reject) => {
        socket.on('error', reject);
        socket.on('data', (bytes: Buffer) => {
          const text = bytes.toString('latin1');
          if (text.startsWith('HTTP/1.1') && !text.startsWith('HTTP/1.1 200')) reject(new Error(text));
          for (let at = text.indexOf('event: '); at >= 0; at = text.indexOf('event: ', at + 1)) events++;
          if (text.includes('event: hello')) resolve();
        });
      });
    }),
  );
  events = 0;
}

/** Closes them, and tells how many events came. */
async function close(): Promise<number> {
  for (const socket of sockets.splice(0)) socket.destroy();
  return events;
}

answerQuestions({ open, close });
