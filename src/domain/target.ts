/** What a run calls: the shape of a target as it is stored and echoed, and what a client may ask for. */

import { type FieldError, fault, ok, type Result } from '../errors.ts';
import { ExactNumber, holdsExactNumber, parseExactJson, writeExactJson } from './exact-json.ts';

export const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type HttpMethod = (typeof httpMethods)[number];

export type HttpTarget = {
  type: 'http';
  method: HttpMethod;
  /** Absolute http: or https: URL without credentials or fragment. */
  url: string;
  /** Header names in lower case. */
  headers: Record<string, string>;
  /** Any JSON value; absent = the run's own description is sent. */
  body?: unknown;
  /** The body as it was written, where it has numbers that JavaScript would write otherwise: this is what is sent and shown. */
  bodyText?: string;
  /** Which answers are a success: `2xx` classes or single codes such as `404`. */
  successStatus: string[];
  /** Whether `{{ … }}` in url, headers and body is filled in for each attempt; absent = no. */
  template?: true;
};

export const longestUrl = 2048;
export const mostHeaders = 64;
/** Names, values and separators together, in bytes: what common servers still accept. */
export const largestHeaders = 16 * 1024;
export const mostSuccessStatuses = 20;
const deepestBody = 64;

/** Headers that belong to the connection (RFC 9110 §7.6.1), or that decide where the message ends or goes. */
const connectionHeaders: readonly string[] = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Headers that Punctual sends itself, besides all that begin with `webhook-`. */
const ownHeaders: readonly string[] = [
  'idempotency-key',
  'traceparent',
  'x-attempt',
  'x-run-id',
  'x-run-token',
  'x-scheduled-for',
  'x-deadline',
  'x-task-id',
  'x-trigger',
];

/**
 * The canonical target for what a client sent, a URL alone standing for a POST to it, or every fault with its pointer
 * below `pointer`.
 * The HTTP layer's schema has checked the shape; null stands for absent. Never throws, whatever it is given.
 */
export function readTarget(input: unknown, pointer = '#/target'): Result<HttpTarget> {
  if (typeof input === 'string') return readTarget({ url: input }, pointer);
  if (!isRecord(input)) return fault(pointer, 'must be a URL or an object with one');
  const errors: FieldError[] = [];
  const refuse = (path: string, detail: string) => void errors.push({ pointer: `${pointer}${path}`, detail });

  if ((input.type ?? 'http') !== 'http') refuse('/type', 'must be "http"');
  const method = httpMethods.find((known) => known === (input.method ?? 'POST'));
  if (method === undefined) refuse('/method', `must be one of ${httpMethods.join(', ')}`);
  const isTemplate = input.template === true;
  const url = typeof input.url === 'string' ? input.url : '';
  const urlFault = faultInUrl(url, isTemplate);
  if (urlFault !== null) refuse('/url', urlFault);
  const headers = readHeaders(input.headers ?? {}, isTemplate, refuse);
  const body = input.body ?? undefined;
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) refuse('/body', `must be absent for ${method}`);
  const bodyFault = faultInBody(body, 0);
  if (bodyFault !== null) refuse('/body', bodyFault);
  const successStatus = readSuccessStatus(input.successStatus ?? ['2xx'], refuse);

  if (errors.length > 0 || method === undefined) return { ok: false, errors };
  return ok({
    type: 'http',
    method,
    url,
    headers,
    ...(body === undefined ? {} : storedBody(body)),
    successStatus,
    ...(isTemplate ? { template: true } : {}),
  });
}

/** How a body is kept: whoever does not look at its text still finds a plain value. */
export function storedBody(body: unknown): Pick<HttpTarget, 'body' | 'bodyText'> {
  if (!holdsExactNumber(body)) return { body };
  return { body: JSON.parse(JSON.stringify(body)), bodyText: writeExactJson(body) };
}

/** The body of a target with its exact numbers: what `storedBody` was given. */
export function exactBody({ body, bodyText }: Pick<HttpTarget, 'body' | 'bodyText'>): unknown {
  const read = bodyText === undefined ? null : parseExactJson(bodyText, 2 * deepestBody);
  return read?.ok ? read.value : body;
}

type Refuse = (path: string, detail: string) => void;

/** The text with something harmless in place of every `{{ … }}`. */
export function withoutTemplates(text: string): string {
  // By hand, because a regular expression would look for the end of each `{{` that has none through all of the text.
  let plain = '';
  let from = 0;
  for (;;) {
    const start = text.indexOf('{{', from);
    const end = start < 0 ? -1 : text.indexOf('}}', start + 2);
    if (end < 0) return plain + text.slice(from);
    plain += `${text.slice(from, start)}x`;
    from = end + 2;
  }
}

/** What is wrong with a URL, or null. Where it is a template, what is outside of its `{{ … }}` is looked at. */
export function faultInUrl(given: string, isTemplate: boolean): string | null {
  if (given.length > longestUrl) return `must be at most ${longestUrl} characters long`;
  const text = isTemplate ? withoutTemplates(given) : given;
  // The URL parser drops some blanks and line ends and forgives missing slashes; nobody means them.
  if (!/^https?:\/\/[^\s\p{Cc}\p{Cs}\\]+$/iu.test(text) || !URL.canParse(text))
    return 'must be an absolute http or https URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'must not contain credentials; send them in a header';
  if (text.includes('#')) return 'must not contain a fragment; targets never see it';
  if (url.port === '0') return 'must not have port 0';
  return null;
}

function readHeaders(input: unknown, isTemplate: boolean, refuse: Refuse): Record<string, string> {
  const headers = new Map<string, string>();
  if (!isRecord(input)) {
    refuse('/headers', 'must be an object of strings');
    return {};
  }
  const entries = Object.entries(input);
  if (entries.length > mostHeaders) refuse('/headers', `must have at most ${mostHeaders} members`);
  let size = 0;
  for (const [given, raw] of entries) {
    const name = given.toLowerCase();
    const value = typeof raw === 'string' ? raw.trim() : null;
    const checked = value === null || !isTemplate ? value : withoutTemplates(value);
    const detail = headers.has(name) ? 'is given twice; names differ in case only' : faultInHeader(name, checked);
    if (detail !== null) refuse(`/headers/${pointerPart(given)}`, detail);
    headers.set(name, value ?? '');
    size += headerSize(name, value ?? '');
  }
  if (size > largestHeaders) refuse('/headers', `must be at most ${largestHeaders} bytes together`);
  return Object.fromEntries(headers);
}

/** What a header takes of `largestHeaders`. */
export function headerSize(name: string, value: string): number {
  return name.length + value.length + 4;
}

function faultInHeader(name: string, value: string | null): string | null {
  // RFC 9110 §5.6.2: a token.
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return 'is not a header name';
  if (connectionHeaders.includes(name) || name.startsWith('proxy-'))
    return 'is a header of the connection, which Punctual manages';
  if (ownHeaders.includes(name) || name.startsWith('webhook-')) return 'is a header that Punctual sends itself';
  return value === null ? 'must be a string' : faultInHeaderValue(value);
}

/** What is wrong with the value of a header, or null (RFC 9110 §5.5, without obsolete line folding). */
export function faultInHeaderValue(value: string): string | null {
  if (!/^[\t\x20-\x7e\xa0-\xff]*$/.test(value)) return 'must consist of printable Latin-1 characters on one line';
  return null;
}

function readSuccessStatus(input: unknown, refuse: Refuse): string[] {
  const rules: unknown[] = Array.isArray(input) ? input : [];
  if (rules.length === 0 || rules.length > mostSuccessStatuses)
    refuse('/successStatus', `must be an array of 1 to ${mostSuccessStatuses} statuses`);
  rules.forEach((rule, index) => {
    if (typeof rule !== 'string' || !/^[1-5](xx|\d\d)$/.test(rule))
      refuse(`/successStatus/${index}`, 'must be a class such as "2xx" or a status such as "404"');
  });
  return [...new Set(rules.filter((rule) => typeof rule === 'string'))];
}

/** Refuses what the store cannot hold (Postgres' jsonb knows neither NUL nor half a surrogate pair) or would choke on. */
function faultInBody(value: unknown, depth: number): string | null {
  if (typeof value === 'string')
    return /\0|\p{Cs}/u.test(value) ? 'must not contain NUL characters or broken surrogate pairs' : null;
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return null;
  if (depth === deepestBody) return `must not be nested deeper than ${deepestBody} levels`;
  for (const [key, member] of Object.entries(value)) {
    const detail = faultInBody(key, 0) ?? faultInBody(member, depth + 1);
    if (detail !== null) return detail;
  }
  return null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member's name as part of a URI-fragment JSON pointer (RFC 6901 §3 and §6). */
export function pointerPart(name: string): string {
  return encodeURIComponent(
    name
      .replace(/\p{Cs}/gu, '\uFFFD')
      .replaceAll('~', '~0')
      .replaceAll('/', '~1'),
  );
}
