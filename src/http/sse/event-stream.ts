/** Writes one answer of server-sent events (text/event-stream), and keeps no more than the client reads. */

import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../clock.ts';

/** One event. `data` may have several lines; `id` is what a client sends as `Last-Event-ID` when it comes back. */
export type ServerEvent = { event: string; id?: string; data: string };

export type EventStream = {
  /**
   * Sends an event, or the bytes of one (`encodeEvent`). False, and nothing is kept of it, where the client has not read what was sent before: `onReady` is
   * called when it has.
   */
  send(event: ServerEvent | Uint8Array): boolean;
  /** Ends the stream, after one more event where it is given. */
  end(last?: ServerEvent): void;
};

export type EventStreamOptions = {
  response: ServerResponse;
  headers: Record<string, number | string | string[] | undefined>;
  clock: Pick<Clock, 'after'>;
  /** The client has read everything, after `send` has refused an event. */
  onReady?: () => void;
  /** The stream is over, whoever ended it. Called once. */
  onClosed: () => void;
};

/** How often a comment is sent, in milliseconds: proxies close a connection on which nothing moves. */
const commentMs = 15_000;
/** A client that reads nothing for so many comments is gone, or as good as gone. */
const mostUnreadComments = 4;
/** How long a client may read the last event, in milliseconds. */
const lingerMs = 1_000;

/** Of every stream. Proxies hold back nothing and change nothing of it. */
const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** Begins the answer, whose head is sent at once. */
export function openEventStream(options: EventStreamOptions): EventStream {
  const { response, headers, clock, onReady, onClosed } = options;
  let isBehind = false;
  let hasRefused = false;
  let isOver = false;
  let unreadComments = 0;
  let timer: Timer = clock.after(commentMs, comment);

  function write(bytes: string | Uint8Array): void {
    isBehind = !response.write(bytes);
  }

  function comment(): void {
    timer = clock.after(commentMs, comment);
    if (!isBehind) write(':\n\n');
    else if (++unreadComments === mostUnreadComments) response.destroy();
  }

  response.writeHead(200, { ...headers, ...streamHeaders });
  response.flushHeaders();
  response.on('drain', () => {
    isBehind = false;
    unreadComments = 0;
    if (!hasRefused || isOver) return;
    hasRefused = false;
    onReady?.();
  });
  // The client is gone: `close` follows.
  response.on('error', () => {});
  response.once('close', () => {
    isOver = true;
    timer.cancel();
    onClosed();
  });

  return {
    send(event) {
      if (isOver) return false;
      if (isBehind) hasRefused = true;
      else write(event instanceof Uint8Array ? event : textOf(event));
      return !hasRefused;
    },
    end(last) {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      response.end(last === undefined ? undefined : textOf(last));
      // A client that does not read must not hold up the end of this process.
      clock.after(lingerMs, () => response.destroy());
    },
  };
}

/** An event as it goes over the wire: for one that many streams get. */
export function encodeEvent(event: ServerEvent): Uint8Array {
  return Buffer.from(textOf(event));
}

function textOf({ event, id, data }: ServerEvent): string {
  const lines = data.split(/\r\n|[\r\n]/).map((line) => `data: ${line}\n`);
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\n${lines.join('')}\n`;
}
