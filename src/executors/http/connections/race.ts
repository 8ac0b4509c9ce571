/** Connects to whichever of several addresses answers first: Happy Eyeballs (RFC 8305 §5). */

import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../../clock.ts';

export type ResolvedAddress = { address: string; family: number };

export type RaceOptions = {
  clock: Clock;
  /** Begins to connect to an address. */
  open(address: string): Socket;
  /** In the order to try them; not empty. */
  addresses: readonly ResolvedAddress[];
  /** Further ones that are still looked up. */
  late: Promise<readonly ResolvedAddress[]> | null;
  /** Called once, with a socket that is connected or with why there is none. */
  report(error: Error | null, socket: Socket | null): void;
};

/** How long an address is tried alone before the next is tried too, in milliseconds (recommended by RFC 8305 §8). */
const staggerMs = 250;
/** How many addresses are tried at once. One more replaces the oldest, but not before that had `staggerMs`. */
const mostAtOnce = 8;
const leastMs = 2_000;

/**
 * Tries the addresses one after the other: the next as soon as one has failed or has not answered for `staggerMs`.
 * Earlier ones go on, and the first to answer wins. There is no time limit of its own. The caller ends the attempt at
 * its deadline with the returned function, which gives up without a report.
 */
export function connectFirst({ clock, open, addresses, late, report }: RaceOptions): () => void {
  const waiting = [...addresses];
  /** Those being tried, oldest first, with when they began. */
  const trying = new Map<Socket, number>();
  const errors: Error[] = [];
  let mayComeLater = late !== null;
  let timer: Timer | null = null;
  let isOver = false;

  function end(winner: Socket | null): void {
    isOver = true;
    timer?.cancel();
    for (const socket of trying.keys()) if (socket !== winner) socket.destroy();
    trying.clear();
  }

  function failed(socket: Socket, error: Error): void {
    if (isOver || !trying.delete(socket)) return;
    socket.destroy();
    errors.push(error);
    tryNext();
  }

  function tryNext(): void {
    timer?.cancel();
    timer = null;
    if (isOver) return;
    const next = waiting[0];
    if (next === undefined) {
      if (trying.size > 0 || mayComeLater) return;
      end(null);
      report(errors.length === 1 ? (errors[0] as Error) : new AggregateError(errors, 'no address answers'), null);
      return;
    }
    const [oldest] = trying;
    if (oldest !== undefined && trying.size >= mostAtOnce) {
      const left = oldest[1] + leastMs - clock.monotonic();
      if (left > 0) timer = clock.after(Math.ceil(left), tryNext);
      else failed(oldest[0], noAnswer());
      return;
    }
    waiting.shift();
    begin(next);
    if (waiting.length > 0) timer = clock.after(staggerMs, tryNext);
  }

  function begin({ address }: ResolvedAddress): void {
    const socket = open(address);
    trying.set(socket, clock.monotonic());
    // This listener stays for the socket's life: an error after the report is handled by the new owner, but must never
    // be unhandled.
    socket.on('error', (error) => failed(socket, error));
    socket.once('connect', () => {
      if (isOver) return;
      end(socket);
      report(null, socket);
    });
  }

  late
    ?.then((found) => void waiting.push(...found))
    .catch(() => {})
    .finally(() => {
      mayComeLater = false;
      if (isOver || timer !== null) return;
      // The last one that was begun keeps its start.
      if (trying.size > 0) timer = clock.after(staggerMs, tryNext);
      else tryNext();
    });
  tryNext();
  return () => end(null);
}

function noAnswer(): Error {
  return Object.assign(new Error('no answer'), { code: 'ETIMEDOUT', syscall: 'connect' });
}
