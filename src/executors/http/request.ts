/** Makes the request of one attempt: its line, headers and body. */

import { defaultNamespace } from '../../domain/access/namespace.ts';
import { traceOfRun } from '../../domain/run/trace.ts';
import type { Attempt } from '../executor.ts';
import { type Route, type Router, routeHeaders } from './route.ts';
import type { Signer } from './signature.ts';
import { defaultContentType, describesIn, encodeBody } from './target/body.ts';
import { type SuccessTest, successTest } from './target/success.ts';
import type { HttpMethod, HttpTarget } from './target/target.ts';

/** All that is the same for every call of one target. */
export type PreparedTarget = {
  route: Route;
  method: HttpMethod;
  /** Names and values in turn. */
  headers: string[];
  /** Null when the run's own description is sent, or nothing is. */
  body: Buffer | null;
  describesRun: boolean;
  /** How the JSON text of that description, or of a trigger's input, is sent under a content type other than JSON. */
  describe: ReturnType<typeof describesIn>;
  isSuccess(status: number): boolean;
  /** The rule about the body of a successful answer; null where there is none. */
  success: SuccessTest | null;
  followsRedirects: boolean;
  /** Where it holds values of secrets, which go to its own origin only. */
  secretIn: NonNullable<HttpTarget['secretIn']>;
  /** The target's own proxy and certificates, for its redirects. */
  ownProxy: HttpTarget['proxy'];
  ownTls: HttpTarget['tls'];
};

export type HttpRequest = {
  path: string;
  method: HttpMethod;
  headers: string[];
  body: Buffer | string | null;
  /**
   * The same for all calls on a connection: else the HTTP client takes it from `Host`, and connects again where that
   * differs.
   */
  servername: string;
};

/** The parts of a call's headers besides those of the attempt. */
export type Sender = {
  /** The signer of a task with these secrets of its own (null: none); null = its calls are not signed. */
  signerFor(ownSecrets: string | null): Signer | null;
  /** Epoch milliseconds by the database's clock: the signature's timestamp, and the start of the deadline. */
  now(): number;
  nextSpanId(): string;
  formatInstant(ms: number): string;
  /** The same as a separate function, because each remembers its last instant. */
  formatDeadline(ms: number): string;
};

const noSecrets: PreparedTarget['secretIn'] = { headers: [], body: false };
const describingMethods: readonly HttpMethod[] = ['POST', 'PUT', 'PATCH'];

/** Prepares the parts that are the same for each call. Throws when the URL is not valid. */
export function prepareTarget(target: HttpTarget, version: string, router: Router): PreparedTarget {
  const route = router.routeTo(new URL(target.url), target.proxy, target.tls);
  const body = encodeBody(target);
  const describesRun = body === null && describingMethods.includes(target.method);
  const headers = new Map([
    ['accept', '*/*'],
    // Only 16 KiB of an answer are kept, so compressing it would gain nothing.
    ['accept-encoding', 'identity'],
    ['user-agent', `punctual/${version}`],
  ]);
  if (body !== null || describesRun) headers.set('content-type', defaultContentType(body === null ? {} : target));
  for (const [name, value] of Object.entries(target.headers)) headers.set(name, value);
  return {
    route,
    method: target.method,
    headers: inTurn(headers).concat(routeHeaders(route)),
    body,
    describesRun,
    describe: describesRun ? describesIn(target.headers) : null,
    isSuccess: statusTest(target.successStatus),
    success: target.success === undefined ? null : successTest(target.success),
    followsRedirects: target.redirect === 'follow',
    secretIn: target.secretIn ?? noSecrets,
    ownProxy: target.proxy,
    ownTls: target.tls,
  };
}

/** The request of one attempt that has `leftMs` milliseconds left. */
export function buildRequest(prepared: PreparedTarget, attempt: Attempt, sender: Sender, leftMs: number): HttpRequest {
  const { namespace, taskId, runId, trigger, messageId } = attempt;
  const id = messageId ?? runId;
  const scheduledFor = sender.formatInstant(attempt.scheduledFor);
  let body: Buffer | string | null = prepared.body;
  let own = prepared.headers;
  if (prepared.describesRun) {
    const json = attempt.input ?? JSON.stringify({ taskId, runId, attempt: attempt.attempt, scheduledFor, trigger });
    const described = prepared.describe?.(json) ?? null;
    body = described === null ? json : described.bytes;
    if (described?.isJson) own = asJson(own);
  }
  const headers = own.concat('x-task-id', taskId, 'idempotency-key', id);
  if (namespace !== defaultNamespace) headers.push('x-namespace', namespace);
  // A message about a run is not an attempt, and must not look like one.
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
  const { path, servername } = prepared.route;
  return { path, method: prepared.method, headers, body, servername };
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

/** The same headers with the content type of JSON: an object never goes as JSON text under another. */
function asJson(headers: readonly string[]): string[] {
  return headers.map((value, place) =>
    place % 2 === 1 && headers[place - 1] === 'content-type' ? 'application/json' : value,
  );
}

/**
 * Text as a header's value. Where it is not ASCII its other characters are percent-encoded, as UTF-8, and so are its
 * percent signs.
 */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replace(/[^\x20-\x24\x26-\x7e]+/gu, encodeURIComponent);
}

function inTurn(headers: ReadonlyMap<string, string>): string[] {
  const list: string[] = [];
  for (const [name, value] of headers) list.push(name, value);
  return list;
}

function statusTest(rules: readonly string[]): (status: number) => boolean {
  return (status) => rules.includes(`${Math.floor(status / 100)}xx`) || rules.includes(String(status));
}
