/** A server that speaks Redis' protocol and lies about locks. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export type Lie = 'all' | 'none' | 'slow';

/** It answers locks after this long under `slow`. */
const slowMs = 5_000;

/** `all`: everybody gets every lock. `none`: nobody gets any. `slow`: every lock is granted, much too late. */
export async function startLyingRedis(lie: Lie): Promise<{ url: string; asked(): number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let asked = 0;

  function answer(words: string[]): string {
    const command = (words[0] ?? '').toUpperCase();
    if (command === 'EVALSHA' || command === 'EVAL') {
      const keys = Number(words[2]);
      asked += keys;
      return `*${keys}\r\n${`:${lie === 'none' ? 0 : 1}\r\n`.repeat(keys)}`;
    }
    if (command === 'INFO') return bulk('redis_version:7.0.0\r\nloading:0\r\nrole:master\r\n');
    if (command === 'SUBSCRIBE') return `*3\r\n${bulk('subscribe')}${bulk(words[1] ?? '')}:1\r\n`;
    if (command === 'PUBLISH') return ':0\r\n';
    if (command === 'PING') return '+PONG\r\n';
    return '+OK\r\n';
  }

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    const read = commandReader();
    socket.on('data', (chunk: Buffer) => {
      for (const words of read(chunk)) {
        const reply = answer(words);
        const isLock = /^eval/i.test(words[0] ?? '');
        if (lie === 'slow' && isLock) setTimeout(() => socket.destroyed || socket.write(reply), slowMs);
        else socket.write(reply);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

/** Takes bytes and gives back the commands that they complete: arrays of bulk strings. */
function commandReader(): (chunk: Buffer) => string[][] {
  let rest = '';
  return (chunk) => {
    rest += chunk.toString('latin1');
    const commands: string[][] = [];
    for (;;) {
      const lines = rest.split('\r\n');
      const count = Number(lines[0]?.slice(1));
      if (!rest.startsWith('*') || lines.length < 2) return commands;
      const words: string[] = [];
      let at = (lines[0]?.length ?? 0) + 2;
      for (let word = 0; word < count; word++) {
        const end = rest.indexOf('\r\n', at);
        const length = Number(rest.slice(at + 1, end));
        if (end < 0 || rest.length < end + 2 + length + 2) return commands;
        words.push(rest.slice(end + 2, end + 2 + length));
        at = end + 2 + length + 2;
      }
      commands.push(words);
      rest = rest.slice(at);
    }
  };
}
