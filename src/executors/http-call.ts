/** One attempt over HTTP, from waiting for a connection to its outcome, under one deadline. */

import type { Dispatcher } from 'undici';
import type { Clock, Timer } from '../clock.ts';
import { takeChunk } from './answer.ts';
import type { Attempt, Outcome } from './executor.ts';
import {
  answeredOutcome,
  brokenOutcome,
  cancelledOutcome,
  isWholeWithoutBody,
  nothingReceived,
  parseRetryAfter,
  timedOutOutcome,
} from './http-outcome.ts';
import type { HttpRequest } from './http-request.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import { postponedOutcome } from './postponed.ts';

const ended = new Error('the attempt is over');

/**
 * Makes the call and reports its outcome once, through `report` and never by throwing. `buildRequest` is called once,
 * when a connection is free, with the milliseconds left: what depends on the time is made as late as possible. A call whose
 * reused connection broke before any byte of an answer is sent once more, as it was, on a new one, unless it is to be sent
 * at most once. The returned function ends the call early as cancelled, for the reason given. Once reported, the connection
 * of an unfinished call is cut. Where no connection becomes free for it, it is postponed: a target that was not called has not failed.
 */
export function startCall(
  clock: Clock,
  lanes: Lanes,
  attempt: Attempt,
  buildRequest: (leftMs: number) => HttpRequest,
  isSuccess: (status: number) => boolean,
  report: (outcome: Outcome) => void,
): (message: string) => void {
  const deadline = clock.monotonic() + attempt.timeoutMs;
  const received = nothingReceived();
  let isOver = false;
  let hasEntered = false;
  let lane: Lane | null = null;
  let request: HttpRequest | null = null;
  let withdraw: (() => void) | null = null;
  let timer: Timer = clock.after(attempt.timeoutMs, checkDeadline);

  function end(outcome: Outcome): void {
    if (isOver) return;
    isOver = true;
    timer.cancel();
    report(outcome);
  }

  function stop(outcome: Outcome): void {
    if (isOver) return;
    end(outcome);
    withdraw?.();
    lane?.destroy(ended);
  }

  function checkDeadline(): void {
    const left = deadline - clock.monotonic();
    // Timers may fire up to a millisecond before their time.
    if (left > 0) timer = clock.after(Math.ceil(left), checkDeadline);
    else if (hasEntered) stop(timedOutOutcome(received, attempt.timeoutMs));
    else stop(postponedOutcome(lanes.pauseMs(), 'origin_full'));
  }

  function leave(reusable: boolean): void {
    if (lane === null) return;
    const used = lane;
    lane = null;
    lanes.leave(used, reusable);
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {
      lane?.started();
    },
    onResponseStart(_controller, status, headers) {
      if (status < 200 || isOver) return;
      received.status = status;
      const { 'retry-after': retryAfter, date } = headers;
      if (typeof retryAfter === 'string')
        received.retryAfterMs = parseRetryAfter(retryAfter, typeof date === 'string' ? date : null, clock.now());
    },
    onResponseData(_controller, chunk) {
      if (!isOver && !takeChunk(received.answer, chunk))
        stop(answeredOutcome(received, isSuccess, attempt.acceptsLater));
    },
    onResponseEnd() {
      leave(true);
      end(answeredOutcome(received, isSuccess, attempt.acceptsLater));
    },
    onResponseError(_controller, error) {
      // The client is still amid its own bookkeeping for the connection that broke.
      if (!isOver && !attempt.atMostOnce && lane?.failedOnReuse()) {
        queueMicrotask(send);
        return;
      }
      leave(false);
      if (isWholeWithoutBody(received, error)) end(answeredOutcome(received, isSuccess, attempt.acceptsLater));
      else end(brokenOutcome(received, error));
    },
  };

  function send(): void {
    if (isOver) {
      // Given up since, which has cut the connection.
      leave(false);
      return;
    }
    try {
      request ??= buildRequest(deadline - clock.monotonic());
      lane?.send(request, handler, attempt.atMostOnce);
    } catch (error) {
      leave(true);
      end(brokenOutcome(received, error));
    }
  }

  function begin(given: Lane): void {
    lane = given;
    hasEntered = true;
    if (isOver) leave(true);
    else send();
  }

  withdraw = lanes.enter(begin, (pauseMs) => end(postponedOutcome(pauseMs, 'origin_full')), attempt.rank);

  return (message) => stop(cancelledOutcome(received, message));
}
