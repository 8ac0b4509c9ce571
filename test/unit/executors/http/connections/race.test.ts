import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { connectFirst, type ResolvedAddress } from '../../../../../src/executors/http/connections/race.ts';
import { createClock } from '../../../../clock.ts';

type FakeSocket = Socket & { address: string };

function start(count: number, late: Promise<ResolvedAddress[]> | null = null) {
  const clock = createClock();
  const sockets: FakeSocket[] = [];
  const reports: (string | Error)[] = [];
  const stop = connectFirst({
    clock,
    open(address) {
      const socket = Object.assign(new Socket(), { address });
      sockets.push(socket);
      return socket;
    },
    addresses: addresses(count),
    late,
    report: (error, socket) => reports.push(error ?? sockets.find((one) => one === socket)?.address ?? 'unknown'),
  });
  const tried = () => sockets.map(({ address }) => address);
  const alive = () => sockets.filter(({ destroyed }) => !destroyed).map(({ address }) => address);
  return { clock, sockets, reports, stop, tried, alive };
}

function addresses(count: number, from = 1): ResolvedAddress[] {
  return Array.from({ length: count }, (_, place) => ({ address: `10.0.0.${from + place}`, family: 4 }));
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'connect' });
}

test('one address is waited for as long as the caller likes', async () => {
  const { clock, sockets, reports, alive } = start(1);
  await clock.advance(60_000);
  expect([alive(), reports]).toEqual([['10.0.0.1'], []]);
  sockets[0]?.emit('connect');
  expect([reports, clock.pending()]).toEqual([['10.0.0.1'], 0]);
});

test('the next is tried after a moment, and the one before may still win', async () => {
  const { clock, sockets, reports, tried, alive } = start(3);
  await clock.advance(249);
  expect(tried()).toEqual(['10.0.0.1']);
  await clock.advance(1);
  expect(tried()).toEqual(['10.0.0.1', '10.0.0.2']);
  await clock.advance(10_000);
  expect([tried().length, alive().length]).toEqual([3, 3]);
  sockets[0]?.emit('connect');
  sockets[1]?.emit('connect');
  expect([reports, alive(), clock.pending()]).toEqual([['10.0.0.1'], ['10.0.0.1'], 0]);
});

test('the next is tried at once when one fails; the last failure tells of all', () => {
  const { sockets, reports, tried } = start(2);
  sockets[0]?.emit('error', failure('ECONNREFUSED'));
  expect(tried()).toEqual(['10.0.0.1', '10.0.0.2']);
  sockets[1]?.emit('error', failure('ENETUNREACH'));
  const [report] = reports as AggregateError[];
  expect([reports.length, report?.errors]).toEqual([1, [failure('ECONNREFUSED'), failure('ENETUNREACH')]]);
});

test('every address is tried, eight at once, and each has two seconds', async () => {
  const { clock, sockets, reports, tried, alive } = start(40);
  await clock.advance(1_999);
  expect([tried().length, alive().length]).toEqual([8, 8]);
  await clock.advance(1);
  expect([tried().length, alive().length, alive()[0]]).toEqual([9, 8, '10.0.0.2']);
  for (const socket of sockets.slice(1, 5)) socket.emit('error', failure('ECONNREFUSED'));
  const began = new Map(tried().map((address) => [address, clock.monotonic()]));
  while (tried().length < 40) {
    await clock.advance(10);
    for (const address of tried()) if (!began.has(address)) began.set(address, clock.monotonic());
    for (const { address, destroyed } of sockets.slice(9))
      if (destroyed) expect(clock.monotonic() - (began.get(address) ?? 0)).toBeGreaterThanOrEqual(1_990);
    expect(alive().length).toBeLessThanOrEqual(8);
  }
  sockets[39]?.emit('connect');
  expect(reports).toEqual(['10.0.0.40']);
});

test('addresses that are found later are tried too, at once when there is no other', async () => {
  const late = Promise.resolve(addresses(1, 6));
  const waiting = start(1, late);
  await waiting.clock.advance(249);
  expect(waiting.tried()).toEqual(['10.0.0.1']);
  await waiting.clock.advance(1);
  expect(waiting.tried()).toEqual(['10.0.0.1', '10.0.0.6']);

  const failed = start(1, late);
  failed.sockets[0]?.emit('error', failure('ENETUNREACH'));
  expect(failed.reports).toEqual([]);
  await failed.clock.advance(0);
  failed.sockets[1]?.emit('connect');
  expect(failed.reports).toEqual(['10.0.0.6']);

  const without = start(1, Promise.reject(failure('ESERVFAIL')));
  without.sockets[0]?.emit('error', failure('ENETUNREACH'));
  await without.clock.advance(0);
  expect(without.reports).toEqual([failure('ENETUNREACH')]);
});

test('a caller that gives up hears nothing more, and no socket stays', async () => {
  const { clock, sockets, reports, stop, alive } = start(3);
  await clock.advance(300);
  stop();
  sockets[0]?.emit('connect');
  sockets[1]?.emit('error', failure('ECONNRESET'));
  await clock.advance(5_000);
  expect([reports, alive(), sockets.length, clock.pending()]).toEqual([[], [], 2, 0]);
});
