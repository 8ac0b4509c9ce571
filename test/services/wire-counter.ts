/** Stands between a program and its Postgres or Redis and counts what it asks them, by name. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { atFileEnd } from './file-end.ts';

export type WireCounter = {
  /** The server's URL with the counter's address. */
  url: string;
  /** How often each statement (by the name it was prepared under) or command was asked so far. */
  counts(): Map<string, number>;
};

/** Takes bytes from a client and tells the name of each thing that they ask for. */
type Reader = (chunk: Buffer) => string[];

/** For Postgres' protocol 3: a Bind names its prepared statement, a simple Query has its text. Without TLS. */
export function countStatements(url: string): Promise<WireCounter> {
  return startCounter(url, 5432, () => {
    let rest = Buffer.alloc(0);
    let started = false;
    return (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      const names: string[] = [];
      for (;;) {
        // The first message has no type in front of its length.
        const head = started ? 1 : 0;
        if (rest.length < head + 4) return names;
        const end = head + rest.readInt32BE(head);
        if (rest.length < end) return names;
        if (started && rest[0] === 0x42 /* B */) {
          const name = rest.indexOf(0, 5) + 1;
          names.push(rest.toString('utf8', name, rest.indexOf(0, name)) || '(unnamed)');
        } else if (started && rest[0] === 0x51 /* Q */) names.push(rest.toString('utf8', 5, end - 1).slice(0, 40));
        started = true;
        rest = rest.subarray(end);
      }
    };
  });
}

/** For RESP: every command is an array of bulk strings. */
export function countCommands(url: string): Promise<WireCounter> {
  return startCounter(url, 6379, () => {
    let rest = Buffer.alloc(0);
    return (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      const names: string[] = [];
      for (;;) {
        const read = readCommand(rest);
        if (read === null) return names;
        names.push(read.name);
        rest = rest.subarray(read.end);
      }
    };
  });
}

function readCommand(bytes: Buffer): { name: string; end: number } | null {
  let at = 0;
  const number = (): number | null => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return null;
    const value = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return value;
  };
  const parts = number();
  if (parts === null) return null;
  let name = '';
  for (let part = 0; part < parts; part++) {
    const length = number();
    if (length === null || bytes.length < at + length + 2) return null;
    if (part === 0) name = bytes.toString('latin1', at, at + length).toUpperCase();
    at += length + 2;
  }
  return { name, end: at };
}

async function startCounter(target: string, usualPort: number, createReader: () => Reader): Promise<WireCounter> {
  const { hostname, port } = new URL(target);
  const counts = new Map<string, number>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: hostname, port: Number(port || usualPort), noDelay: true });
    const read = createReader();
    client.on('data', (chunk: Buffer) => {
      for (const name of read(chunk)) counts.set(name, (counts.get(name) ?? 0) + 1);
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => client.write(chunk));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => {}); // 'close' follows.
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atFileEnd(async () => void server.close());
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return { url: url.href, counts: () => new Map(counts) };
}
