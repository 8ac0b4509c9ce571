/** A TCP proxy between one replica and one of its servers, to break that wire in every way. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createGate, type Gate } from './gate.ts';

/** What is done with bytes: passed on, kept back until later, or thrown away. */
export type Passage = 'open' | 'held' | 'dropped';

export type Wire = {
  /** The server's URL with the proxy's address. */
  url: string;
  /** Sets both directions; what was held goes on when a direction is opened. New connections are treated alike. */
  pass(toServer: Passage, toClient: Passage): void;
  /** Delays every chunk by so many milliseconds, in each direction. */
  delay(ms: number): void;
  /** Resets every connection; with `refuse` new ones are refused until `restore`. */
  cut(refuse: boolean): Promise<void>;
  restore(): Promise<void>;
  /** Sends new connections elsewhere. */
  redirect(url: string): void;
  /** For Postgres: looks at every statement and may interfere. Null for nothing. */
  watch(gate: Gate | null): void;
  close(): Promise<void>;
};

type Direction = 'toServer' | 'toClient';
const opposite = { toServer: 'toClient', toClient: 'toServer' } as const;

export async function createWire(serverUrl: string): Promise<Wire> {
  const sockets = new Set<Socket>();
  const resumers = new Set<(direction: Direction) => void>();
  const passage: Record<Direction, Passage> = { toServer: 'open', toClient: 'open' };
  let delayMs = 0;
  let gate: Gate | null = null;
  let upstreamUrl = new URL(serverUrl);

  /** Passes what comes out of `from` to `deliver`, in order, as the direction allows. */
  function join(from: Socket, direction: Direction, deliver: (chunk: Buffer) => void): void {
    sockets.add(from);
    let held: Buffer[] = [];
    const resume = (changed: Direction) => {
      if (changed !== direction || passage[direction] !== 'open') return;
      const chunks = held;
      held = [];
      for (const chunk of chunks) deliver(chunk);
    };
    resumers.add(resume);
    const take = (chunk: Buffer) => {
      if (passage[direction] === 'held' || held.length > 0) held.push(chunk);
      else if (passage[direction] === 'open') deliver(chunk);
    };
    from.on('data', (chunk: Buffer) => (delayMs === 0 ? take(chunk) : void setTimeout(take, delayMs, chunk)));
    from.on('error', () => {}); // 'close' follows.
    from.on('close', () => {
      sockets.delete(from);
      resumers.delete(resume);
    });
  }

  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: upstreamUrl.hostname, port: Number(upstreamUrl.port), noDelay: true });
    const session = createGate(
      () => gate,
      (bytes) => void upstream.write(bytes),
      (bytes) => void client.write(bytes),
      () => {
        client.resetAndDestroy();
        upstream.destroy();
      },
    );
    join(client, 'toServer', session.fromClient);
    join(upstream, 'toClient', session.fromServer);
    // In a black hole nobody hears of the other's end.
    for (const [one, other, direction] of [
      [client, upstream, 'toServer'],
      [upstream, client, 'toClient'],
    ] as const)
      one.on('close', () => {
        const leave = () =>
          passage[direction] === 'open' || passage[opposite[direction]] === 'open'
            ? other.destroy()
            : void setTimeout(leave, 50);
        setTimeout(leave, delayMs);
      });
  });

  async function listen(port: number): Promise<number> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  const ownPort = await listen(0);
  const url = new URL(serverUrl);
  url.hostname = '127.0.0.1';
  url.port = String(ownPort);

  async function cut(refuse: boolean): Promise<void> {
    const closed = refuse && server.listening ? once(server, 'close') : null;
    if (closed) server.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  }

  return {
    url: url.href,
    pass(toServer, toClient) {
      passage.toServer = toServer;
      passage.toClient = toClient;
      for (const resume of [...resumers]) {
        resume('toServer');
        resume('toClient');
      }
    },
    delay(ms) {
      delayMs = ms;
    },
    cut,
    async restore() {
      if (!server.listening) await listen(ownPort);
    },
    redirect(to) {
      upstreamUrl = new URL(to);
    },
    watch(next) {
      gate = next;
    },
    async close() {
      passage.toServer = 'open';
      passage.toClient = 'open';
      await cut(true);
    },
  };
}
