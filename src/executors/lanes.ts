/** The connections to one origin: a few while it answers quickly, more while it is slow, and a queue before them. */

import { Client, type Dispatcher } from 'undici';
import type { Timer } from '../clock.ts';
import { type Connector, type ConnectorOptions, createConnector } from './connector.ts';

/** One connection, which carries one call at a time and connects again by itself when the target has closed it. */
export type Lane = {
  send(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
  /** Cuts the connection, established or not; the handler of a call under way hears of it. */
  destroy(reason: Error): void;
};

export type Lanes = {
  /** Calls `start` with a lane once one is free. The returned function withdraws a caller that still waits. */
  enter(start: (lane: Lane) => void): () => void;
  /** Gives a lane back, exactly once per start; `reusable` only when the call on it ended whole. */
  leave(lane: Lane, reusable: boolean): void;
  /** Monotonic milliseconds since when nothing happens here; null while calls run or wait. */
  idleSince(): number | null;
  destroy(reason: Error): void;
};

/**
 * Measured: 64 sockets serve a quick target best (512 cost 15 % more CPU a call, and each one a connect).
 * A target whose answers take longer than `slowAnswerMs` gets twice as many, again and again, up to `most`.
 */
const initialLanes = 64;
const slowAnswerMs = 20;
/** An origin left alone for so long starts small again, in milliseconds. */
const forgetSlownessMs = 10_000;

const lost = new Error('the connection is of no further use');

type Waiting = { start: ((lane: Lane) => void) | null };

/** The lanes of one origin (`http://host:port`), at most `most` of them in use at once. */
export function createLanes(origin: string, most: number, options: ConnectorOptions): Lanes {
  const { clock } = options;
  const connector = createConnector(options);
  const fewest = Math.min(initialLanes, most);
  const free: Lane[] = [];
  const queue: Waiting[] = [];
  let head = 0;
  let waiting = 0;
  let busy = 0;
  let limit = fewest;
  let finished = 0;
  let lookedAt = 0;
  let slowLooks = 0;
  let watch: Timer | null = null;
  let quietSince = clock.monotonic();

  function next(): ((lane: Lane) => void) | null {
    while (head < queue.length) {
      const entry = queue[head++] as Waiting;
      const { start } = entry;
      // The entry stays in the array for a while and must not keep the call alive meanwhile.
      entry.start = null;
      if (start === null) continue;
      waiting--;
      return start;
    }
    return null;
  }

  /** Drops entries already served or withdrawn, so that a queue which never empties does not grow for ever. */
  function compact(): void {
    if (head < 1024 || head * 2 < queue.length) return;
    queue.splice(0, head);
    head = 0;
  }

  /** What a slow hour took need not be kept for ever. */
  function shrink(): void {
    if (limit === fewest || clock.monotonic() - quietSince < forgetSlownessMs) return;
    limit = fewest;
    slowLooks = 0;
    for (const surplus of free.splice(fewest)) surplus.destroy(lost);
  }

  function fill(): void {
    while (busy < limit && waiting > 0) {
      const start = next();
      if (start === null) return;
      busy++;
      start(free.pop() ?? openLane(origin, connector));
    }
  }

  function look(): void {
    watch = null;
    if (waiting === 0 || limit === most) return;
    const now = clock.monotonic();
    const elapsed = now - lookedAt;
    // A timer that comes late tells that this process is the slow one: more sockets would only add to its work.
    const isBusyItself = elapsed > 2 * slowAnswerMs;
    // By Little's law the mean time on a lane is lanes × elapsed / finished. Twice in a row, because once may be a pause.
    slowLooks = !isBusyItself && finished * slowAnswerMs < limit * elapsed ? slowLooks + 1 : 0;
    if (slowLooks > 1) limit = Math.min(most, limit * 2);
    keepLooking(now);
    fill();
  }

  function keepLooking(now: number): void {
    lookedAt = now;
    finished = 0;
    watch = clock.after(slowAnswerMs, look);
  }

  return {
    enter(start) {
      if (busy === 0 && waiting === 0) shrink();
      // Whoever waits already comes first.
      if (busy < limit && waiting === 0) {
        busy++;
        start(free.pop() ?? openLane(origin, connector));
        return () => {};
      }
      const entry: Waiting = { start };
      queue.push(entry);
      waiting++;
      compact();
      if (watch === null && limit < most) keepLooking(clock.monotonic());
      return () => {
        if (entry.start === null) return;
        entry.start = null;
        waiting--;
      };
    },
    leave(lane, reusable) {
      busy--;
      finished++;
      if (reusable) free.push(lane);
      else lane.destroy(lost);
      // The HTTP client is still amid its own bookkeeping for the call that ends here.
      if (waiting > 0) queueMicrotask(fill);
      else if (busy === 0) quietSince = clock.monotonic();
    },
    idleSince: () => (busy === 0 && waiting === 0 ? quietSince : null),
    destroy(reason) {
      watch?.cancel();
      for (const lane of free.splice(0)) lane.destroy(reason);
    },
  };
}

function openLane(origin: string, connector: Connector): Lane {
  let giveUp = () => {};
  const client = new Client(origin, {
    pipelining: 1,
    maxHeaderSize: 16 * 1024,
    // The caller's one deadline covers all of it.
    headersTimeout: 0,
    bodyTimeout: 0,
    // A call sent while the target closes the idle connection is a failed attempt, and common servers close after 2 s.
    keepAliveTimeout: 1500,
    keepAliveMaxTimeout: 60_000,
    connect(endpoint, report) {
      giveUp = connector(endpoint, (error, socket) => {
        if (error === null && socket !== null) report(null, socket);
        else report(error ?? lost, null);
      });
    },
  });
  return {
    send: (request, handler) => void client.dispatch(request, handler),
    destroy(reason) {
      giveUp();
      client.destroy(reason, () => {});
    },
  };
}
