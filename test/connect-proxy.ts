/** A forward proxy for tests: tunnels with CONNECT, fetches URLs it is given whole, and records both. */

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export type ForwardProxy = {
  /** `http://127.0.0.1:port`, without a final slash. */
  url: string;
  port: number;
  /** Every request to it: method, target as on the request line, and its credentials. */
  asked: { method: string; target: string; authorization: string | undefined }[];
  /** Answers every later request with this status instead; null = serves them. */
  refuseWith(status: number | null): void;
  close(): Promise<void>;
};

/** All names lead to this machine: the proxy is asked for names that nobody knows. */
export async function startForwardProxy(): Promise<ForwardProxy> {
  const asked: ForwardProxy['asked'] = [];
  const sockets = new Set<Socket>();
  let refusal: number | null = null;
  const note = (method = '', target = '', authorization?: string) => void asked.push({ method, target, authorization });

  const server = createServer((incoming, response) => {
    const { method, url = '', headers } = incoming;
    note(method, url, headers['proxy-authorization']);
    if (refusal !== null) return response.writeHead(refusal).end();
    const { port, pathname, search } = new URL(url);
    const { 'proxy-authorization': _, ...passed } = headers;
    const onward = request(
      {
        host: '127.0.0.1',
        port: port || 80,
        path: pathname + search,
        ...(method ? { method } : {}),
        headers: passed,
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.writeHead(502).end());
    incoming.pipe(onward);
    return undefined;
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  server.on('connect', ({ method, url = '', headers }, client: Socket, head) => {
    note(method, url, headers['proxy-authorization']);
    if (refusal !== null) return client.end(`HTTP/1.1 ${refusal} Refused\r\ncontent-length: 0\r\n\r\n`);
    const onward = connect(Number(url.slice(url.lastIndexOf(':') + 1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      client.pipe(onward).pipe(client);
    });
    sockets.add(onward);
    onward.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.on('close', () => onward.destroy());
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    asked,
    refuseWith(status) {
      refusal = status;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
