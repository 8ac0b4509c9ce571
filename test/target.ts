/** A target to call in tests: records every request, and answers well, badly or not at all. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type RecordedRequest = {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
  /** Milliseconds on the monotonic clock (`performance.now()`) at which the headers had come. */
  at: number;
  /** Fulfilled with the bytes written to the connection once it is closed, by whichever side. */
  closed: Promise<number>;
};

/** What happens once a request is recorded. */
export type Behaviour = (response: ServerResponse, request: RecordedRequest, socket: Socket) => void;

export type Target = {
  /** `http://127.0.0.1:port`, without a final slash. */
  url: string;
  port: number;
  /** In order of arrival. */
  requests: RecordedRequest[];
  /** How many connections were ever opened to it. */
  connections(): number;
  /** Waits until `holds` is true of the requests so far; rejects, saying how many came, after `deadlineMs`. */
  waitFor(holds: (requests: RecordedRequest[]) => boolean, deadlineMs?: number): Promise<RecordedRequest[]>;
  /** For every path, or for one path alone. The first behaviour is `status(200)`. */
  setBehaviour(behaviour: Behaviour): void;
  setBehaviour(path: string, behaviour: Behaviour): void;
  /** Cuts all connections and stops listening. */
  close(): Promise<void>;
};

export async function startTarget(): Promise<Target> {
  const requests: RecordedRequest[] = [];
  const watchers = new Set<() => void>();
  const byPath = new Map<string, Behaviour>();
  let forAll = status(200);
  let connections = 0;

  const server = createServer((incoming, response) => {
    const at = performance.now();
    const { socket } = incoming;
    const closed = socket.destroyed
      ? Promise.resolve(socket.bytesWritten)
      : new Promise<number>((resolve) => socket.once('close', () => resolve(socket.bytesWritten)));
    const chunks: Buffer[] = [];
    incoming.on('error', () => {});
    response.on('error', () => {});
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const request = { method, path: url, headers, body: Buffer.concat(chunks).toString(), at, closed };
      requests.push(request);
      for (const watcher of watchers) watcher();
      (byPath.get(url) ?? forAll)(response, request, socket);
    });
  });
  server.on('connection', (socket: Socket) => {
    connections++;
    socket.setMaxListeners(0);
    socket.on('error', () => {});
  });
  // Connections stay open as long as the caller likes, so that nothing here races with it.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    connections: () => connections,
    waitFor(holds, deadlineMs = 15_000) {
      return new Promise((resolve, reject) => {
        const check = () => {
          if (!holds(requests)) return;
          complete();
          resolve(requests);
        };
        const expired = setTimeout(() => {
          complete();
          reject(
            new Error(
              `the target did not see what was expected within ${deadlineMs} ms; ${requests.length} requests came`,
            ),
          );
        }, deadlineMs);
        const complete = () => {
          clearTimeout(expired);
          watchers.delete(check);
        };
        watchers.add(check);
        check();
      });
    },
    setBehaviour(first: Behaviour | string, second?: Behaviour) {
      if (typeof first === 'string') byPath.set(first, second ?? status(200));
      else forAll = first;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Answers at once. */
export function status(code: number, body = '', headers: Record<string, string> = {}): Behaviour {
  return (response) => void response.writeHead(code, headers).end(body);
}

/** Behaves like `then` after a while. */
export function delay(ms: number, then: Behaviour = status(200)): Behaviour {
  return (response, request, socket) => {
    const timer = setTimeout(() => then(response, request, socket), ms);
    socket.once('close', () => clearTimeout(timer));
  };
}

/** Never answers. */
export function hang(): Behaviour {
  return () => {};
}

/** Answers 200 at once, and then sends a byte of its body every `everyMs`. */
export function drip(everyMs: number): Behaviour {
  return (response, _request, socket) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
    repeat(socket, everyMs, () => response.write('.'));
  };
}

/** Sends its headers one byte every `everyMs` and never ends them. */
export function slowHeaders(everyMs: number): Behaviour {
  return (_response, _request, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
    repeat(socket, everyMs, () => socket.write('z'));
  };
}

/** A body without end, as fast as the caller reads. */
export function endlessBody(): Behaviour {
  return (response, _request, socket) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    pour(response, socket, () => Buffer.alloc(64 * 1024, 'a'));
  };
}

/** Header lines without end, as fast as the caller reads. */
export function endlessHeaders(): Behaviour {
  return (_response, _request, socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    let line = 0;
    pour(socket, socket, () => `x-line-${line++}: ${'b'.repeat(200)}\r\n`);
  };
}

/** Promises a body, sends a part of it and resets the connection. */
export function resetMidBody(): Behaviour {
  return (response, _request, socket) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('only this much', () => socket.resetAndDestroy());
  };
}

/** Closes the connection without a word. */
export function resetAtOnce(): Behaviour {
  return (_response, _request, socket) => void socket.resetAndDestroy();
}

/** Sends whatever it is given instead of HTTP, and closes. */
export function raw(bytes: string): Behaviour {
  return (_response, _request, socket) => void socket.end(bytes);
}

/** Points elsewhere, for example at a metadata service. */
export function redirect(location: string): Behaviour {
  return status(302, '', { location });
}

/** A small compressed body that is huge when unpacked. */
export function gzipBomb(compressed: Buffer): Behaviour {
  return (response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(compressed);
}

/** The URL of a port at which nobody listens. */
export async function closedPortUrl(): Promise<string> {
  const target = await startTarget();
  await target.close();
  return target.url;
}

function repeat(socket: Socket, everyMs: number, write: () => void): void {
  const timer = setInterval(write, everyMs);
  socket.once('close', () => clearInterval(timer));
}

function pour(stream: ServerResponse | Socket, socket: Socket, next: () => Buffer | string): void {
  const more = () => {
    while (!socket.destroyed && stream.write(next()));
  };
  stream.on('drain', more);
  more();
}
