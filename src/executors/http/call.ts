/** One attempt over HTTP, from waiting for a connection to its outcome, under one deadline. */

import type { Dispatcher } from 'undici';
import type { Clock, Timer } from '../../clock.ts';
import type { Attempt, Outcome } from '../executor.ts';
import type { Governor } from '../governor/governor.ts';
import { deferredOutcome } from '../outcomes.ts';
import { judgeLimit, keepLimit, takeChunk } from './answer/answer.ts';
import { encodingsOf } from './answer/decoding.ts';
import { judgeAnswer } from './answer/judged-answer.ts';
import type { Judge } from './answer/judging.ts';
import type { ConnectionSlot } from './connections/connection-slot.ts';
import {
  answeredOutcome,
  brokenOutcome,
  cancelledOutcome,
  isWholeWithoutBody,
  nothingReceived,
  parseRetryAfter,
  type Received,
  timedOutOutcome,
} from './outcome.ts';
import type { HttpRequest, PreparedTarget } from './request.ts';

const ended = new Error('the attempt is over');

export type CallOptions = {
  clock: Clock;
  /** Epoch milliseconds by the database's clock. */
  now(): number;
  /** Of the calls to the same origin. */
  governor: Governor<ConnectionSlot>;
  /** Makes a connection to it. */
  open(): ConnectionSlot;
  judge: Judge;
  attempt: Attempt;
  target: PreparedTarget;
  /** Whether the rules about addresses changed while the call waited: its connection may be to a refused one. */
  isOutdated(): boolean;
  /**
   * Called once, when a connection is free, with the milliseconds left, so that headers which depend on the time are
   * made as late as possible.
   */
  buildRequest(leftMs: number): HttpRequest;
  /** Monotonic milliseconds. */
  deadline: number;
  /** Called once, with the answer. */
  report(outcome: Outcome, received: Received): void;
};

/**
 * Makes the call and reports its outcome once, through `report` and never by throwing. A call whose reused connection
 * broke before any byte of an answer is sent once more, as it was, on a new one, unless it is to be sent at most once.
 * The returned function ends the call early as cancelled, for the reason given. Once reported, the connection of an
 * unfinished call is cut. Where no connection becomes free for it, it is deferred: a target that was not called has not
 * failed.
 */
export function startCall({
  clock,
  now,
  governor,
  open,
  judge,
  attempt,
  target,
  isOutdated,
  buildRequest,
  deadline,
  report,
}: CallOptions): (message: string) => void {
  const received = nothingReceived();
  let isOver = false;
  let hasEntered = false;
  let slot: ConnectionSlot | null = null;
  let request: HttpRequest | null = null;
  let withdraw: (() => void) | null = null;
  let timer: Timer = clock.after(Math.max(0, Math.ceil(deadline - clock.monotonic())), checkDeadline);

  function end(outcome: Outcome): void {
    if (isOver) return;
    isOver = true;
    timer.cancel();
    report(outcome, received);
  }

  /** The answer is read to its end, or to the limit of reading. */
  function complete(): void {
    received.isWhole = true;
    if (received.encodings === null && target.success === null) {
      end(answeredOutcome(received, target.isSuccess, heldUntil(attempt, now)));
      return;
    }
    const task = `${attempt.namespace}/${attempt.taskId}`;
    judgeAnswer(task, received, target, heldUntil(attempt, now), judge, () => !isOver).then(end, (error) =>
      end(brokenOutcome(received, error)),
    );
  }

  function stop(outcome: Outcome): void {
    if (isOver) return;
    end(outcome);
    withdraw?.();
    slot?.destroy(ended);
  }

  function checkDeadline(): void {
    const left = deadline - clock.monotonic();
    // Timers may fire up to a millisecond before their time.
    if (left > 0) timer = clock.after(Math.ceil(left), checkDeadline);
    else if (hasEntered) stop(timedOutOutcome(received, attempt.timeoutMs));
    else stop(deferredOutcome(governor.pauseMs(), 'origin_full'));
  }

  function leave(reusable: boolean): void {
    if (slot === null) return;
    const used = slot;
    slot = null;
    governor.leave(used, reusable);
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {
      slot?.started();
    },
    onResponseStart({ rawHeaders }, status, headers) {
      if (status < 200 || isOver) return;
      received.status = status;
      const { 'retry-after': retryAfter, date, location } = headers;
      if (typeof retryAfter === 'string')
        received.retryAfterMs = parseRetryAfter(retryAfter, typeof date === 'string' ? date : null, clock.now());
      if (typeof location === 'string') received.location = location;
      const contentType = headers['content-type'];
      if (typeof contentType === 'string') received.contentType = contentType;
      received.encodings = encodingsOf(headers['content-encoding']);
      if (received.encodings !== null || target.success !== null) received.answer.limit = judgeLimit;
      received.hasLongHeaders = sizeOf(rawHeaders) > keepLimit;
    },
    onResponseData(_controller, chunk) {
      if (isOver || received.isWhole || takeChunk(received.answer, chunk)) return;
      complete();
      slot?.destroy(ended);
    },
    onResponseEnd() {
      leave(true);
      if (!received.isWhole) complete();
    },
    onResponseError(_controller, error) {
      if (received.isWhole) {
        leave(false);
        return;
      }
      if (!isOver && !attempt.atMostOnce && slot?.failedOnReuse()) {
        // The HTTP client is still handling the connection that broke.
        queueMicrotask(send);
        return;
      }
      leave(false);
      if (isWholeWithoutBody(received, error)) complete();
      else end(brokenOutcome(received, error));
    },
  };

  function send(): void {
    if (isOver) {
      // The call was cancelled meanwhile, which has cut the connection.
      leave(false);
      return;
    }
    try {
      request ??= buildRequest(deadline - clock.monotonic());
      slot?.send(request, handler, attempt.atMostOnce);
    } catch (error) {
      leave(true);
      end(brokenOutcome(received, error));
    }
  }

  function start(given: ConnectionSlot): void {
    slot = given;
    hasEntered = true;
    if (!isOver && !isOutdated()) send();
    else {
      leave(true);
      end(deferredOutcome(0, 'origin_full'));
    }
  }

  function refuse(pauseMs: number): void {
    end(deferredOutcome(pauseMs, 'origin_full'));
  }

  withdraw = governor.enter({ open, start, refuse }, attempt.namespace, attempt.effectiveDueAt);

  return (message) => stop(cancelledOutcome(received, message));
}

/** Names and values in turn, with the text between them. */
function sizeOf(headers: unknown): number {
  let size = 0;
  if (Array.isArray(headers)) for (const part of headers) size += part.length + 2;
  return size;
}

/** How long a target that works on may be silent, in epoch milliseconds; null where the task does not allow it. */
function heldUntil({ holdMs }: Attempt, now: () => number): number | null {
  return holdMs === null ? null : now() + holdMs;
}
