/** A name server for tests, on the loopback address: answers over UDP what it is told to, or not at all. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';

/** Addresses with the seconds that they hold, an error, or silence; `afterMs` delays the answer. */
export type NameAnswer =
  | { addresses: string[]; ttl?: number; afterMs?: number }
  | { code: 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'NODATA'; afterMs?: number }
  | 'silent';

export type DnsServer = {
  /** `127.0.0.1:port`. */
  address: string;
  /** `A name` or `AAAA name`, in order of arrival. */
  questions: string[];
  /** For both families, or for one (`A name`). Any other name does not exist. */
  set(name: string, answer: NameAnswer): void;
  close(): Promise<void>;
};

const codes = { NODATA: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };
const types: Record<number, { name: string; family: number }> = {
  1: { name: 'A', family: 4 },
  28: { name: 'AAAA', family: 6 },
};

export async function startDns(): Promise<DnsServer> {
  const answers = new Map<string, NameAnswer>();
  const questions: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    const { name: typeName = String(type), family = 0 } = types[type] ?? {};
    questions.push(`${typeName} ${name}`);
    const answer = answers.get(`${typeName} ${name}`) ?? answers.get(name) ?? { code: 'NXDOMAIN' };
    if (answer === 'silent') return;
    const addresses = 'addresses' in answer ? answer.addresses.filter((each) => isIP(each) === family) : [];
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180 | ('code' in answer ? codes[answer.code] : 0), 2);
    for (const [place, count] of [1, addresses.length, 0, 0].entries()) header.writeUInt16BE(count, 4 + 2 * place);
    const records = addresses.map((each) => recordOf(each, type, 'ttl' in answer ? (answer.ttl ?? 60) : 60));
    const packet = Buffer.concat([header, query.subarray(12, end), ...records]);
    setTimeout(() => socket.send(packet, from.port, from.address, () => {}), answer.afterMs ?? 0);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    set: (name, answer) => void answers.set(name, answer),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function recordOf(address: string, type: number, ttl: number): Buffer {
  const data = isIP(address) === 4 ? Buffer.from(address.split('.').map(Number)) : groupsOf(address);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function groupsOf(address: string): Buffer {
  const [left = '', right] = address.split('::');
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, after] = [read(left), read(right ?? '')];
  const groups = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 255]));
}
