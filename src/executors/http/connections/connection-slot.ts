/**
 * One place for calls to an origin: a connection that carries one call at a time, and is replaced by a new one when
 * need be.
 */

import type { Socket } from 'node:net';
import { Client, type Dispatcher } from 'undici';
import type { Slot } from '../../governor/governor.ts';
import type { Connector } from './connector.ts';
import { type AnswerWatch, skipInterimAnswers } from './interim-answers.ts';

/** The request of a call. */
export type ConnectionSlot = Slot & {
  /** Sends a call; `atMostOnce` keeps it off a connection that the target may be about to close. */
  send(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, atMostOnce: boolean): void;
  /** The handler calls this when the request is written. */
  started(): void;
  /**
   * Whether a failed call went out on a reused connection and no byte of an answer came. In nearly all such cases the
   * target had closed the connection before it saw the call.
   */
  failedOnReuse(): boolean;
  /** Cuts the connection, established or not; the handler of a call under way hears of it. */
  destroy(reason: Error): void;
};

/**
 * The longest life of a connection, in milliseconds. So a name with new addresses is followed, even where its
 * connections are always busy.
 */
const longestLifeMs = 60_000;
/**
 * Common servers close a connection after a second or two without a call. A call that may not be repeated keeps clear
 * of that.
 */
const longestIdleAtMostOnceMs = 500;

/**
 * The longest headers of an answer, in bytes. Honest targets send less, and so many are parsed in some milliseconds.
 */
const longestHeaders = 128 * 1024;

const lost = new Error('no connection was made');

/**
 * A slot to `origin` (`http://host:port`). It connects with its first call, and again whenever its connection is gone.
 */
export function openConnectionSlot(origin: string, connector: Connector): ConnectionSlot {
  let giveUp = () => {};
  let socket: Socket | null = null;
  let answer: AnswerWatch | null = null;
  let openedAt = 0;
  let calls = 0;
  let isReused = false;
  const client = new Client(origin, {
    pipelining: 1,
    maxHeaderSize: longestHeaders,
    // The caller's one deadline covers all of it.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Where the target does not say how long it keeps a connection: common servers close after 2 s.
    keepAliveTimeout: 1500,
    keepAliveMaxTimeout: longestLifeMs,
    connect(endpoint, report) {
      giveUp = connector(endpoint, (error, opened) => {
        if (error !== null || opened === null) return report(error ?? lost, null);
        socket = opened;
        answer = skipInterimAnswers(opened);
        openedAt = slot.takenAt;
        calls = 0;
        report(null, opened);
      });
    },
  });
  const slot: ConnectionSlot = {
    takenAt: 0,
    leftAt: 0,
    namespace: '',
    send(request, handler, atMostOnce) {
      const { takenAt, leftAt } = slot;
      isReused = false;
      const isOld = takenAt - openedAt >= longestLifeMs || (atMostOnce && takenAt - leftAt > longestIdleAtMostOnceMs);
      // The client connects again for a call that finds its connection closed.
      if (isOld && calls > 0) socket?.destroy();
      client.dispatch(request, handler);
    },
    started() {
      isReused = calls++ > 0;
      answer?.expect();
    },
    failedOnReuse: () => isReused && answer?.hasBegun() === false,
    destroy(reason) {
      giveUp();
      client.destroy(reason, () => {});
    },
  };
  return slot;
}
