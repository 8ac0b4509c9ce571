/** The target, in a process of its own: notes which run called when, and answers 200. Parses no more than it must. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { answerQuestions } from '../apparatus/answering.ts';

const headEnd = Buffer.from('\r\n\r\n');
const lengthHeader = Buffer.from('content-length: ');
const runHeader = Buffer.from('x-run-id: ');
const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
const idLength = 36;

let ids = Buffer.alloc(0);
/** Epoch milliseconds, with fractions. */
let times = new Float64Array(0);
let count = 0;
let clockOffset = 0;
let awaited = Infinity;
let onAwaited = () => {};

const server = createServer({ noDelay: true }, (socket: Socket) => {
  let rest: Buffer | null = null;
  socket.on('error', () => {}); // 'close' follows.
  socket.on('data', (chunk: Buffer) => {
    const at = performance.now() + clockOffset;
    const bytes: Buffer = rest === null ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    while (from < bytes.length) {
      const end = requestEnd(bytes, from);
      if (end > bytes.length) break;
      note(bytes, from, end, at);
      reply(socket, bytes, from);
      from = end;
    }
    rest = from === bytes.length ? null : bytes.subarray(from);
  });
});

/** Where the request that begins at `from` ends; Infinity while its head is not complete. */
function requestEnd(bytes: Buffer, from: number): number {
  const head = bytes.indexOf(headEnd, from);
  if (head < 0) return Infinity;
  const header = bytes.indexOf(lengthHeader, from);
  let length = 0;
  if (header >= 0 && header < head) {
    for (let place = header + lengthHeader.length; bytes[place] !== 13; place++)
      length = length * 10 + (bytes[place] as number) - 48;
  }
  return head + headEnd.length + length;
}

/** Answers at once; after so many milliseconds where the path is `/w50`; never where it begins with `/h`. */
function reply(socket: Socket, bytes: Buffer, from: number): void {
  const path = bytes.indexOf(32, from) + 1;
  const kind = bytes[path + 1];
  if (kind === 104) return;
  if (kind !== 119) {
    socket.write(answer);
    return;
  }
  const afterMs = Number(bytes.toString('latin1', path + 2, bytes.indexOf(32, path)));
  setTimeout(() => socket.write(answer), afterMs);
}

function note(bytes: Buffer, from: number, end: number, at: number): void {
  const header = bytes.indexOf(runHeader, from);
  if (header < 0 || header >= end) return;
  if (count === times.length) grow();
  bytes.copy(ids, count * idLength, header + runHeader.length, header + runHeader.length + idLength);
  times[count++] = at;
  if (count === awaited) onAwaited();
}

function grow(): void {
  const size = Math.max(1_024, times.length * 2);
  const moreIds = Buffer.alloc(size * idLength);
  ids.copy(moreIds);
  ids = moreIds;
  const moreTimes = new Float64Array(size);
  moreTimes.set(times);
  times = moreTimes;
}

/** What to add to the monotonic clock, which has microseconds, to get the wall clock, which shows milliseconds. */
function readClockOffset(): number {
  let best = -Infinity;
  // Being interrupted between the two readings makes it too small: the largest of some is the best.
  for (let times = 0; times < 5; times++) {
    const before = Date.now();
    let now = before;
    while (now === before) now = Date.now();
    best = Math.max(best, now - performance.now());
  }
  return best;
}

answerQuestions({
  async listen() {
    server.listen(0, '127.0.0.1', 4_096);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  /** Forgets all arrivals and makes room for `expected`. */
  reset(expected: number) {
    ids = Buffer.alloc(Math.ceil(expected * 1.1) * idLength);
    times = new Float64Array(Math.ceil(expected * 1.1));
    count = 0;
    clockOffset = readClockOffset();
  },
  count: () => count,
  /** Resolves with how many calls came: when there are `expected`, or after `withinMs`. */
  waitFor({ expected, withinMs }: { expected: number; withinMs: number }) {
    if (count >= expected) return count;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        awaited = Infinity;
        resolve(count);
      };
      const timer = setTimeout(done, withinMs);
      awaited = expected;
      onAwaited = done;
    });
  },
  /** `driftMs`: how far the two clocks went apart since the reset. */
  arrivals: () => ({
    ids: ids.subarray(0, count * idLength),
    times: times.subarray(0, count),
    driftMs: readClockOffset() - clockOffset,
  }),
});
