/**
 * The connections of the API. One request of each is worked on at a time. An answer that the client does not read is
 * dropped with its connection. When there are too many connections, the one that has been silent for longest is closed.
 *
 *   connected → waiting for a request → working (holds a place) → handed over → (read by the client) → waiting …
 *
 * When a client sends requests without waiting for answers (pipelining), Node hands them all over at once, and does not
 * report the end of those whose answer has not begun (Node 20). So they wait here, in order, and only the first has an
 * answer under way.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock.ts';
import { createBodyBudget } from './body-budget.ts';

/** One request while it is handled. */
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
  /** Whether its answer is a stream, which goes on until one side ends it. */
  streams: boolean;
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
  /** Called when this service closes a connection early. */
  onGivenUp: (reason: GiveUpReason) => void;
};

/** Requests of one connection that may wait behind the one under way. */
const mostWaiting = 64;
/** A connection on which no byte moves for this long (milliseconds) while an answer is to be read is closed. */
const stalledMs = 10_000;
/** An answer must be read by then, even if the client does something else meanwhile. */
const longestReadMs = 30_000;
const checkMs = 1_000;
/** Beyond this many unread answers, which are held in memory, the oldest are dropped sooner. */
const mostUnread = 64;
const soonerMs = 2_000;
/** How long a client may read the last answer before the connection is closed, in milliseconds. */
const lingerMs = 1_000;

export function createConnections({ clock, most, begin, tooMany, onGivenUp }: ConnectionsOptions) {
  const all = new Map<Socket, Connection>();
  /** Connections that hold no place, the longest silent first. */
  const silent = new Set<Connection>();
  /** Answers handed over and not yet read, with their instants by the monotonic clock. */
  const unread = new Map<Visit, number>();
  const bodies = createBodyBudget<Visit>({
    monotonic: clock.monotonic,
    giveUp: (visit) => giveUp(visit.connection, 'unsent'),
  });
  /** How many of all connections stream. They are bounded elsewhere. */
  let streaming = 0;
  let isChecking = false;
  let isEnding = false;

  function giveUp(connection: Connection, reason: GiveUpReason): void {
    onGivenUp(reason);
    connection.socket.destroy();
  }

  function opened(socket: Socket): void {
    const connection: Connection = { socket, active: null, queue: [], last: null, streams: false };
    // Node removes its own listener before it hands over a CONNECT. An error without a listener would end the process.
    socket.on('error', () => socket.destroy());
    if (isEnding) return void socket.destroy();
    if (all.size - streaming >= most) {
      const [silentest] = silent;
      giveUp(silentest ?? connection, 'crowded');
      if (!silentest) return;
    }
    all.set(socket, connection);
    silent.add(connection);
    // A place is given back with its connection, even if answers are lost.
    socket.once('close', () => {
      connection.queue.length = 0;
      if (connection.active) {
        leave(connection.active);
        unread.delete(connection.active);
      }
      endStream(connection);
      all.delete(socket);
      silent.delete(connection);
    });
  }

  function arrived(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = all.get(request.socket);
    if (!connection || connection.last) return;
    // It was on its way when the connection was closed. It is not carried out, so it may be sent again.
    if (isEnding) return void connection.socket.destroy();
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
    // The error may come from a request whose answer was stalled.
    connection.socket.setTimeout(0);
    response.once('close', () => ended(visit));
    begin(visit);
  }

  function ended(visit: Visit): void {
    const { connection } = visit;
    leave(visit);
    unread.delete(visit);
    endStream(connection);
    if (connection.active !== visit) return;
    connection.active = null;
    const next = connection.queue.shift();
    // The rest of a body that broke never comes, and Node no longer waits for it either.
    const isBroken = connection.last !== null && next?.request.complete !== true;
    if (isBroken) close(connection, connection.last as Buffer);
    else if (isEnding) connection.socket.end();
    else if (next) start(next);
  }

  function endStream(connection: Connection): void {
    if (!connection.streams) return;
    connection.streams = false;
    streaming--;
    if (all.has(connection.socket)) silent.add(connection);
  }

  /** Ends a connection with these bytes as the answer. The client has a limited time to read them. */
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
    /** The visit gives its place back early, because it only waits, or because its answer only has to be read. */
    leave,
    /** The visit has got a place, which `giveBack` returns. */
    entered(visit: Visit, giveBack: () => void): void {
      visit.leave = giveBack;
      silent.delete(visit.connection);
    },
    /** The answer is a stream. It holds no place, and is not given up for its silence. */
    stream(visit: Visit): void {
      leave(visit);
      const { connection } = visit;
      if (connection.streams || !all.has(connection.socket)) return;
      connection.streams = true;
      streaming++;
      silent.delete(connection);
    },
    /** An answer is about to be written. Then the client only has to read it. */
    handOver(visit: Visit): void {
      leave(visit);
      // Its end was reported before, so it would never be removed from the list.
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
    /**
     * Closes every connection, those with an answer under way after it. Node itself closes only connections that have had
     * an answer: one on which no request came yet would keep the server open until its time limit.
     */
    end(): void {
      isEnding = true;
      for (const connection of all.values()) if (connection.active === null) connection.socket.destroy();
    },
    /** A body is on its way. False when there is no room for it: see `createBodyBudget`. */
    awaitBody: bodies.take,
    bodyIsHere: bodies.giveBack,
    /** The input is not a request. `bytes` are the answer, sent as soon as the earlier requests are answered. */
    broken(socket: Socket, bytes: Buffer): void {
      const connection = all.get(socket);
      if (!connection || !socket.writable) return void socket.destroy();
      if (connection.last) return;
      connection.last = bytes;
      onGivenUp('malformed');
      const { active, queue } = connection;
      // The request under way is the broken one if its body is not complete. Its handler will see the end of the
      // connection.
      const isActive = active !== null && queue.length === 0 && !active.request.complete;
      if (active === null || (isActive && !active.response.headersSent)) close(connection, bytes);
      else if (isActive) socket.destroy();
    },
  };
}
