/** A TCP proxy in front of a server, to break the network to it at will. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { atFileEnd } from './file-end.ts';

export type Proxy = {
  /** The server's URL with the proxy's address. */
  url: string;
  /** Breaks every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Takes connections again after `cut`, on the same port. */
  restore(): Promise<void>;
  /** Lets nothing through in either direction, but keeps and takes connections. */
  pause(): void;
  resume(): void;
  /** Makes the connections of now go mute, as a firewall does that has forgotten them; new ones work. */
  strand(): void;
  close(): Promise<void>;
};

/**
 * `target` is a URL with host and port, such as that of a test's database or Redis. Closed at the end of the test file.
 */
export async function createProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let paused = false;

  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    if (paused) from.pause();
    from.on('data', (chunk) => {
      // Back-pressure is not passed on: test traffic is small.
      to.write(chunk);
    });
    from.on('error', () => {}); // 'close' follows.
    from.on('end', () => to.end());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({
      host: hostname,
      port: Number(port || defaultPort(target)),
      allowHalfOpen: true,
      noDelay: true,
    });
    join(client, upstream);
    join(upstream, client);
  });

  async function listen(on: number): Promise<number> {
    server.listen(on, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function cut(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  const ownPort = await listen(0);
  atFileEnd(cut);
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(ownPort);
  return {
    url: url.href,
    cut,
    async restore() {
      if (!server.listening) await listen(ownPort);
    },
    pause() {
      paused = true;
      for (const socket of sockets) socket.pause();
    },
    resume() {
      paused = false;
      for (const socket of sockets) socket.resume();
    },
    strand() {
      for (const socket of sockets) socket.pause();
    },
    close: cut,
  };
}

function defaultPort(url: string): number {
  return url.startsWith('redis') ? 6379 : 5432;
}
