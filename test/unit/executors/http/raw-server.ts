/**
 * A server that speaks HTTP by hand, so that it can end connections and answer in ways that Node's own server would
 * not.
 */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export type RawRequest = { head: string; body: string; connection: number };

export type RawServer = {
  url: string;
  port: number;
  /** In order of arrival. */
  requests: RawRequest[];
  /** Those that are open, in order. */
  sockets: Set<Socket>;
  /** How many were ever opened. */
  connections(): number;
};

export const plainAnswer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** Calls `answer` with every whole request and how many came before it. It is gone after the test. */
export async function startRaw(
  answer: (socket: Socket, before: number, request: RawRequest) => void,
  address = '127.0.0.1',
  wantedPort = 0,
): Promise<RawServer> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (;;) {
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
        if (text.length < end + 4 + length) return;
        const request = { head: text.slice(0, end), body: text.slice(end + 4, end + 4 + length), connection };
        text = text.slice(end + 4 + length);
        requests.push(request);
        answer(socket, requests.length - 1, request);
      }
    });
  });
  await once(server.listen(wantedPort, address), 'listening');
  const { port } = server.address() as AddressInfo;
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = address.includes(':') ? `[${address}]` : address;
  return { url: `http://${host}:${port}/`, port, requests, sockets, connections: () => connections };
}
