/**
 * The connections of the API: one request of each is worked on at a time, what nobody reads is given up, and when there
 * are too many the one goes that has said nothing for longest.
 *
 *   connected → waiting for a request → working (holds a place) → handed over → (read by the client) → waiting …
 *
 * Node hands over all requests that a client sends without waiting for answers (pipelining) at once, and tells nothing
 * of the end of those that it has not begun to answer (Node 20). So they wait here, in order, and only the first has an
 * answer under way.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { createBodyBudget } from './body-budget.ts';

/** One request on its way through. */
export type Visit = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
  /** Gives back its place, if it holds one. */
  leave: (() => void) | null;
};

export type Connection = {
  readonly socket: Socket;
  active: Visit | null;
  readonly queue: Visit[];
  /** The bytes to write before the connection is closed, once all before them is answered; null while it goes on. */
  last: Buffer | null;
};

export type GiveUpReason = 'pipelining' | 'unread' | 'unsent' | 'crowded' | 'malformed';

export type ConnectionsOptions = {
  clock: Clock;
  /** How many there may be at a time. */
  most: number;
  /** A request is the first of its connection: begin with it. */
  begin: (visit: Visit) => void;
  /** The answer to one request too many on a connection. */
  tooMany: () => Buffer;
  /** A connection is ended by us, before its time. */
  onGivenUp: (reason: GiveUpReason) => void;
};

/** Requests of one connection that may wait behind the one under way. */
const mostWaiting = 64;
/** A connection on which nothing moves for so long while an answer is to be read is given up, in milliseconds. */
const stalledMs = 10_000;
/** An answer must be read by then, even if the client does something else meanwhile. */
const longestReadMs = 30_000;
const checkMs = 1_000;
/** Unread answers beyond these are given up sooner, in milliseconds: they are held in memory. */
const mostUnread = 64;
const soonerMs = 2_000;
/** For so long a client may read the last answer before the connection is gone. */
const lingerMs = 1_000;

export function createConnections({ clock, most, begin, tooMany, onGivenUp }: ConnectionsOptions) {
  const all = new Map<Socket, Connection>();
  /** Those that hold no place, the longest silent first. */
  const silent = new Set<Connection>();
  /** Answers handed over and not yet read, with their instants by the monotonic clock. */
  const unread = new Map<Visit, number>();
  const bodies = createBodyBudget<Visit>({
    monotonic: clock.monotonic,
    giveUp: (visit) => giveUp(visit.connection, 'unsent'),
  });
  let isChecking = false;

  function giveUp(connection: Connection, reason: GiveUpReason): void {
    onGivenUp(reason);
    connection.socket.destroy();
  }

  function opened(socket: Socket): void {
    const connection: Connection = { socket, active: null, queue: [], last: null };
    // Node takes its own listener away before it hands over a CONNECT, and an error without a listener ends the
    // process.
    socket.on('error', () => socket.destroy());
    if (all.size >= most) {
      const [silentest] = silent;
      giveUp(silentest ?? connection, 'crowded');
      if (!silentest) return;
    }
    all.set(socket, connection);
    silent.add(connection);
    // No place outlives its connection, even if answers are lost.
    socket.once('close', () => {
      connection.queue.length = 0;
      if (connection.active) {
        leave(connection.active);
        unread.delete(connection.active);
      }
      all.delete(socket);
      silent.delete(connection);
    });
  }

  function arrived(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = all.get(request.socket);
    if (!connection || connection.last) return;
    const visit: Visit = { request, response, connection, expectsContinue, leave: null };
    if (connection.active === null) start(visit);
    else if (connection.queue.length < mostWaiting) connection.queue.push(visit);
    else {
      connection.last = tooMany();
      connection.socket.pause();
      onGivenUp('pipelining');
    }
  }

  function start(visit: Visit): void {
    const { connection, response } = visit;
    connection.active = visit;
    if (silent.delete(connection)) silent.add(connection);
    // It may come from a request whose answer was stalled.
    connection.socket.setTimeout(0);
    response.once('close', () => ended(visit));
    begin(visit);
  }

  function ended(visit: Visit): void {
    const { connection } = visit;
    leave(visit);
    unread.delete(visit);
    if (connection.active !== visit) return;
    connection.active = null;
    const next = connection.queue.shift();
    // The rest of a body that broke never comes, and Node no longer waits for it either.
    const isBroken = connection.last !== null && next?.request.complete !== true;
    if (isBroken) close(connection, connection.last as Buffer);
    else if (next) start(next);
  }

  /** Ends a connection with bytes of our own, the client's answer, and does not wait for it to be read for ever. */
  function close({ socket }: Connection, bytes: Buffer): void {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(bytes);
    clock.after(lingerMs, () => socket.destroy());
  }

  function check(): void {
    isChecking = unread.size > 0;
    if (!isChecking) return;
    clock.after(checkMs, check);
    const before = clock.monotonic() - longestReadMs;
    for (const [visit, since] of unread) {
      if (since > before) break;
      unread.delete(visit);
      giveUp(visit.connection, 'unread');
    }
  }

  function leave(visit: Visit): void {
    // It is read, or reading has stopped.
    bodies.giveBack(visit);
    if (!visit.leave) return;
    visit.leave();
    visit.leave = null;
    if (all.has(visit.connection.socket)) silent.add(visit.connection);
  }

  return {
    opened,
    arrived,
    /** The visit gives its place back before it is over: it waits for something, or the rest is the client's. */
    leave,
    /** The visit has got a place, which `giveBack` returns. */
    entered(visit: Visit, giveBack: () => void): void {
      visit.leave = giveBack;
      silent.delete(visit.connection);
    },
    /** An answer is about to be written: the rest is the client's. */
    handOver(visit: Visit): void {
      leave(visit);
      // Its end was told before: nothing would take it off the list.
      if (visit.response.closed) return;
      visit.connection.socket.setTimeout(stalledMs);
      const now = clock.monotonic();
      unread.set(visit, now);
      if (!isChecking) check();
      for (const [oldest, since] of unread) {
        if (unread.size <= mostUnread || now - since < soonerMs) break;
        unread.delete(oldest);
        giveUp(oldest.connection, 'unread');
      }
    },
    /** A body is on its way. False when there is no room for it: see `createBodyBudget`. */
    awaitBody: bodies.take,
    bodyIsHere: bodies.giveBack,
    /** The input is no request; `bytes` say so as soon as the requests before it are answered. */
    broken(socket: Socket, bytes: Buffer): void {
      const connection = all.get(socket);
      if (!connection || !socket.writable) return void socket.destroy();
      if (connection.last) return;
      connection.last = bytes;
      onGivenUp('malformed');
      const { active, queue } = connection;
      // The request under way is the broken one when its body is not whole; its handler will find it gone.
      const isActive = active !== null && queue.length === 0 && !active.request.complete;
      if (active === null || (isActive && !active.response.headersSent)) close(connection, bytes);
      else if (isActive) socket.destroy();
    },
  };
}
