/** How an answer, or the lack of one, is written down. Messages hold no header, credential or query. */

import { formatDuration } from '../../domain/input/duration.ts';
import type { ErrorKind } from '../../domain/run/run.ts';
import type { Outcome } from '../executor.ts';
import { type Answer, answerText, emptyAnswer, isTruncated } from './answer/answer.ts';

/** The answer so far; `status` is null until the headers are complete. */
export type Received = {
  status: number | null;
  answer: Answer;
  retryAfterMs: number | null;
  contentType: string | null;
  /** The encodings to undo before the body can be read, in that order; null for none. */
  encodings: readonly string[] | null;
  /** The `Location` of a redirect. */
  location: string | null;
  /** The headers are longer than 16 KiB, and were not read. */
  hasLongHeaders: boolean;
  /** The answer came to its end, or to the point where reading stops. */
  isWhole: boolean;
};

/** The code of the error with which a connector refuses an address that the target filter forbids. */
export const refusedCode = 'TARGET_REFUSED';

/** The code of the error where an answer never begins. */
export const overlongCode = 'ANSWER_OVERLONG';

const proxyCode = 'PROXY_FAILED';

/**
 * The error of a proxy that does not let a call through: by the status of its answer, or because it cannot be reached.
 */
export function proxyError(status: number | null, cause?: unknown): Error {
  return Object.assign(new Error('the proxy failed', { cause }), { code: proxyCode, status });
}

const unavailableStatuses: readonly number[] = [502, 503, 504];

/** 300 leaves a choice, 304 and 305 mean something else, and 306 nothing (RFC 9110 §15.4). */
const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308];

/** The status for "do not try this again": unassigned at IANA, and used so by QStash. */
const doNotRetry = 489;

const wrongLength = 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';
const closedCodes: readonly string[] = ['UND_ERR_SOCKET', wrongLength];
/** Their answers end with the headers, even if those tell a length (RFC 9110 §8.6). */
const bodyless: readonly (number | null)[] = [204, 304];

/**
 * The outcome of a whole answer, or of as much of it as anybody should read. `heldUntil`: the deadline of a held run
 * when the target answers 202, in epoch milliseconds; null where the task does not allow that.
 */
export function answeredOutcome(
  received: Received,
  isSuccess: (status: number) => boolean,
  heldUntil: number | null,
): Outcome {
  const status = received.status ?? 0;
  if (status === 202 && heldUntil !== null)
    return { ...outcome('held', received, true, null), held: { until: heldUntil, waitsFor: 'heartbeat' } };
  if (isSuccess(status)) return outcome('succeeded', received, true, null);
  const hint = isRedirect(status) ? '; redirects are not followed' : '';
  const kind = unavailableStatuses.includes(status) ? 'unavailable' : 'rejected';
  return outcome('failed', received, true, { kind, message: `the target answered ${status}${hint}` });
}

/** The outcome of an answer whose status is a success and whose body is none, for the reason given. */
export function wrongBodyOutcome(received: Received, detail: string): Outcome {
  const message = `the target answered ${received.status}, but its body ${detail}`;
  return outcome('failed', received, true, { kind: 'rejected', message });
}

/** The outcome of an answer that points to where it cannot be followed. */
export function lostOutcome(received: Received, detail: string): Outcome {
  const message = `the target answered ${received.status}, ${detail}`;
  return outcome('failed', received, true, { kind: 'rejected', message });
}

/** Whether an answer of this status says where to go on. */
export function isRedirect(status: number | null): boolean {
  return status !== null && redirectStatuses.includes(status);
}

/** The outcome of an attempt that reached its deadline. */
export function timedOutOutcome(received: Received, timeoutMs: number): Outcome {
  const what = received.status === null ? 'no answer' : 'the answer was not complete';
  const message = `${what} within ${formatDuration(timeoutMs)}`;
  return outcome('timed_out', received, false, { kind: 'timeout', message });
}

/** The outcome of an attempt that its replica gave up. */
export function cancelledOutcome(received: Received, message: string): Outcome {
  return outcome('cancelled', received, false, { kind: 'cancelled', message });
}

/** The outcome of an attempt whose connection failed, before or after the first byte of an answer. */
export function brokenOutcome(received: Received, error: unknown): Outcome {
  const failed = outcome('failed', received, false, describeFailure(error));
  return error instanceof Error && (error as SystemError).code === refusedCode ? { ...failed, isDenied: true } : failed;
}

/** Whether the failure is only that an answer which has no body tells the length of one. */
export function isWholeWithoutBody({ status }: Received, error: Error): boolean {
  return bodyless.includes(status) && (error as SystemError).code === wrongLength;
}

/** The state of an answer before its first byte. */
export function nothingReceived(): Received {
  return {
    status: null,
    answer: emptyAnswer(),
    retryAfterMs: null,
    contentType: null,
    encodings: null,
    location: null,
    hasLongHeaders: false,
    isWhole: false,
  };
}

/**
 * Milliseconds from now that `Retry-After` asks for (RFC 9110 §10.2.3), in seconds or as a date; null when it is
 * unreadable. A date counts from the answer's own `Date`, where there is one, so a wrong clock here does no harm.
 */
export function parseRetryAfter(value: string, date: string | null, now: number): number | null {
  if (/^\s*\d{1,9}\s*$/.test(value)) return Number(value) * 1000;
  const until = Date.parse(value);
  if (!/GMT\s*$/.test(value) || Number.isNaN(until)) return null;
  const from = date === null ? Number.NaN : Date.parse(date);
  return Math.max(0, until - (Number.isNaN(from) ? now : from));
}

/** One object for each status, made once, because each call has one. */
const details = Array.from({ length: 600 }, (_, httpStatus) => Object.freeze({ httpStatus }));

function outcome(
  status: Outcome['status'],
  { status: httpStatus, answer, retryAfterMs, contentType, encodings, hasLongHeaders }: Received,
  isComplete: boolean,
  error: Outcome['error'],
): Outcome {
  return {
    status,
    detail: httpStatus === null ? null : (details[httpStatus] ?? { httpStatus }),
    // A compressed body is not text.
    output: httpStatus === null ? null : encodings !== null ? '' : answerText(answer, isComplete, contentType),
    truncated: hasLongHeaders || isTruncated(answer),
    error,
    retryAfterMs: error === null ? null : retryAfterMs,
    isFinal: httpStatus === doNotRetry,
    viaFallback: false,
    deferred: null,
    held: null,
  };
}

type SystemError = Error & { code?: string; syscall?: string; address?: string; port?: number; hostname?: string };

/** Only these parts of an error are repeated, never its own message, which may hold parts of the request. */
function describeFailure(error: unknown): { kind: ErrorKind; message: string } {
  if (!(error instanceof Error)) return { kind: 'internal', message: 'unexpected failure' };
  const { code = error.name, syscall } = error as SystemError;
  if (code === proxyCode) return describeProxy(error as Error & { status: number | null });
  if (code === refusedCode || code === overlongCode) return { kind: 'rejected', message: error.message };
  if (syscall === 'getaddrinfo')
    return { kind: 'unavailable', message: `could not resolve ${(error as SystemError).hostname}: ${code}` };
  if (code === 'EMFILE' || code === 'ENFILE')
    return { kind: 'internal', message: `no file descriptor left for a connection: ${code}` };
  if (error instanceof AggregateError || syscall === 'connect')
    return { kind: 'unavailable', message: `could not connect: ${connectFailures(error).join(', ')}` };
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return { kind: 'rejected', message: "the answer's headers are too long" };
  const isParserError = error.name === 'HTTPParserError';
  if (closedCodes.includes(code) || (isParserError && error.message.includes('Invalid EOF')))
    return { kind: 'unavailable', message: 'the connection was closed before the answer was complete' };
  if (isParserError) return { kind: 'rejected', message: 'the answer is not HTTP/1.1' };
  if (syscall !== undefined || code === 'ECONNRESET' || code === 'EPIPE')
    return { kind: 'unavailable', message: `the connection broke before the answer was complete: ${code}` };
  if (isTlsCode(code)) return { kind: 'unavailable', message: `could not connect securely: ${code}` };
  return { kind: 'internal', message: `unexpected failure: ${code}` };
}

function describeProxy({ status, cause }: Error & { status: number | null }): { kind: ErrorKind; message: string } {
  if (status === null) {
    const { kind, message } = describeFailure(cause);
    return { kind, message: `at the proxy: ${message}` };
  }
  const kind = unavailableStatuses.includes(status) ? 'unavailable' : 'rejected';
  return { kind, message: `the proxy answered ${status}` };
}

/** Each address that was tried, with its error. */
function connectFailures(error: Error): string[] {
  const tried: unknown[] = error instanceof AggregateError ? error.errors : [error];
  return tried.slice(0, 4).map((one) => {
    const { code, address, port } = one as SystemError;
    return address === undefined ? String(code) : `${code} ${address.includes(':') ? `[${address}]` : address}:${port}`;
  });
}

/**
 * OpenSSL's verification results have no common prefix; Node's documentation lists them under "X509 certificate error
 * codes".
 */
function isTlsCode(code: string): boolean {
  return /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERROR_IN_|INVALID_CA|PATH_LENGTH_|INVALID_PURPOSE|HOSTNAME_MISMATCH)/.test(
    code,
  );
}
