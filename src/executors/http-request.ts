/** What a target is sent: the request line, headers and body of one attempt. */

import type { HttpMethod, HttpTarget } from '../domain/target.ts';
import { traceOfRun } from '../domain/trace.ts';
import type { Attempt } from './executor.ts';
import type { Signer } from './signature.ts';

/** All that is the same for every call of one target. */
export type PreparedTarget = {
  origin: string;
  path: string;
  method: HttpMethod;
  /** Names and values in turn. */
  headers: string[];
  /** Null when the run's own description is sent, or nothing is. */
  body: Buffer | null;
  describesRun: boolean;
  isSuccess(status: number): boolean;
};

export type HttpRequest = { path: string; method: HttpMethod; headers: string[]; body: Buffer | string | null };

/** What the headers of a call are made of besides the attempt. */
export type Sender = {
  /** What signs the calls of a task with these secrets of its own (null: none); null = they are not signed. */
  signerFor(ownSecrets: string | null): Signer | null;
  /** Epoch milliseconds by the database's clock: the signature's timestamp, and what the deadline counts from. */
  now(): number;
  nextSpanId(): string;
  formatInstant(ms: number): string;
  /** The same apart, because each remembers the instant of the call before. */
  formatDeadline(ms: number): string;
};

const describingMethods: readonly HttpMethod[] = ['POST', 'PUT', 'PATCH'];

/** Does once per target what need not be done per call. Throws when the URL is none. */
export function prepareTarget(target: HttpTarget, version: string): PreparedTarget {
  const url = new URL(target.url);
  const body = ownBody(target);
  const describesRun = body === null && describingMethods.includes(target.method);
  const headers = new Map([
    ['accept', '*/*'],
    // An answer is kept as it comes, so a compressed one would be of no use and could be a bomb.
    ['accept-encoding', 'identity'],
    ['user-agent', `punctual/${version}`],
  ]);
  if (body !== null || describesRun) headers.set('content-type', 'application/json');
  for (const [name, value] of Object.entries(target.headers)) headers.set(name, value);
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    method: target.method,
    headers: inTurn(headers),
    body,
    describesRun,
    isSuccess: successTest(target.successStatus),
  };
}

/** The request of one attempt that has `leftMs` milliseconds left. */
export function buildRequest(prepared: PreparedTarget, attempt: Attempt, sender: Sender, leftMs: number): HttpRequest {
  const { taskId, runId, trigger, messageId } = attempt;
  const id = messageId ?? runId;
  const scheduledFor = sender.formatInstant(attempt.scheduledFor);
  const body = prepared.describesRun
    ? (attempt.input ?? JSON.stringify({ taskId, runId, attempt: attempt.attempt, scheduledFor, trigger }))
    : prepared.body;
  const headers = prepared.headers.concat('x-task-id', taskId, 'idempotency-key', id);
  // A message about a run is none of its attempts, and must not be taken for one.
  if (messageId === undefined)
    // biome-ignore format: names and values in pairs
    headers.push(
      'x-run-id', runId,
      'x-attempt', String(attempt.attempt),
      'x-scheduled-for', scheduledFor,
      'x-trigger', trigger,
      'x-deadline', sender.formatDeadline(Math.floor(sender.now() + leftMs)),
    );
  if (attempt.token !== null) headers.push('x-run-token', attempt.token);
  if (attempt.origin?.source) headers.push('x-trigger-source', headerText(attempt.origin.source));
  // The attempts of a run share a trace.
  const trace = traceOfRun(runId, attempt.origin?.trace);
  if (trace !== null) headers.push('traceparent', `00-${trace.traceId}-${sender.nextSpanId()}-${trace.flags}`);
  const signer = sender.signerFor(attempt.signing ?? null);
  if (signer !== null) {
    const seconds = Math.floor(sender.now() / 1000);
    headers.push('webhook-id', id, 'webhook-timestamp', String(seconds));
    headers.push('webhook-signature', signer(id, seconds, body ?? ''));
  }
  return { path: prepared.path, method: prepared.method, headers, body };
}

/** Span ids of 16 hexadecimal digits, made of random bytes fetched in bulk because each fetch costs a microsecond. */
export function createSpanIds(randomBytes: (size: number) => Buffer): () => string {
  let bytes: Buffer = Buffer.alloc(0);
  let used = 0;
  return () => {
    if (used + 8 > bytes.length) {
      bytes = randomBytes(4096);
      used = 0;
    }
    const id = bytes.toString('hex', used, used + 8);
    used += 8;
    return id === '0000000000000000' ? '0000000000000001' : id;
  };
}

/** Text as a header's value: what is not ASCII is percent-encoded, as UTF-8. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]+/gu, encodeURIComponent);
}

function inTurn(headers: ReadonlyMap<string, string>): string[] {
  const list: string[] = [];
  for (const [name, value] of headers) list.push(name, value);
  return list;
}

function ownBody(target: HttpTarget): Buffer | null {
  if (target.body === undefined) return null;
  const isRaw = typeof target.body === 'string' && !isJson(target.headers['content-type'] ?? 'application/json');
  return Buffer.from(isRaw ? String(target.body) : (target.bodyText ?? JSON.stringify(target.body)));
}

function isJson(contentType: string): boolean {
  const mediaType = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  return mediaType.endsWith('/json') || mediaType.endsWith('+json');
}

function successTest(rules: readonly string[]): (status: number) => boolean {
  return (status) => rules.includes(`${Math.floor(status / 100)}xx`) || rules.includes(String(status));
}
