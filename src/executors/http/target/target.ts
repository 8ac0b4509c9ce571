/** HTTP targets: their stored form, and the checks of a client's input. */

import { faultInJson, isRecord, pointerPart, type Refuse } from '../../../domain/input/field.ts';
import { type FieldError, fault, ok, type Result } from '../../../errors.ts';
import { type BodyType, bodyTypes, checkBody } from './body.ts';
import { faultInProxy } from './proxy.ts';
import { storedBody } from './stored-body.ts';
import { readSuccess, type SuccessRule } from './success.ts';
import { readTls, type TargetTls } from './tls.ts';

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
  /** The body as the client wrote it, where JavaScript would change its numbers. This text is sent and shown. */
  bodyText?: string;
  /** Which answers are a success: `2xx` classes or single codes such as `404`. */
  successStatus: string[];
  /** The rule that the body of such an answer must also meet; absent = none. */
  success?: SuccessRule;
  /** Whether an answer that points elsewhere is followed there; absent = "none". */
  redirect?: Redirect;
  /** How `body` becomes bytes; absent = as the content type says, JSON where it says nothing. */
  bodyType?: BodyType;
  /** URL of the proxy to call it through; "none" = no proxy, even where settings name one; absent = as settings say. */
  proxy?: string;
  tls?: TargetTls;
  /** Whether `{{ … }}` in url, headers and body is filled in for each attempt; absent = no. */
  template?: true;
  /** The body is sent as it is also in a template: that of a hook, which may repeat what anybody wrote. Not stored. */
  plainBody?: true;
  /** Where values of secrets were filled in. Not stored. */
  secretIn?: { readonly headers: readonly string[]; readonly body: boolean };
  /** The same with a placeholder for each of these values, where the request is shown to people. Not stored. */
  masked?: HttpTarget;
};

export const redirects = ['none', 'follow'] as const;
export type Redirect = (typeof redirects)[number];

export const longestUrl = 2048;
export const mostHeaders = 64;
/** Names, values and separators together, in bytes: as much as common servers accept. */
export const largestHeaders = 16 * 1024;
export const mostSuccessStatuses = 20;

/** Headers that belong to the connection (RFC 9110 §7.6.1), or that decide where the message ends or goes. */
const connectionHeaders: readonly string[] = [
  'connection',
  'content-length',
  'expect',
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
  'x-namespace',
  'x-run-id',
  'x-run-token',
  'x-scheduled-for',
  'x-deadline',
  'x-task-id',
  'x-trigger',
  'x-trigger-source',
];

/**
 * The canonical target of a client's input, or every fault with its pointer below `pointer`. A URL alone stands for a
 * POST to it, and null for an absent member. The HTTP layer's schema has checked the shape. Never throws for any input.
 */
export function readTarget(input: unknown, pointer = '#/target'): Result<HttpTarget> {
  if (typeof input === 'string') return readTarget({ url: input }, pointer);
  if (!isRecord(input)) return fault(pointer, 'must be a URL or an object with one');
  const errors: FieldError[] = [];
  const refuse: Refuse = (path, detail) => void errors.push({ pointer: `${pointer}${path}`, detail });

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
  const bodyFault = faultInJson(body);
  if (bodyFault !== null) refuse('/body', bodyFault);
  const bodyType = oneOf(bodyTypes, input.bodyType, '/bodyType', refuse);
  if (bodyFault === null) checkBody({ body, bodyType, headers }, isTemplate, refuse);
  const successStatus = readSuccessStatus(input.successStatus ?? ['2xx'], refuse);
  const success = readSuccess(input.success, refuse);
  if (success !== undefined && method === 'HEAD')
    refuse('/success', 'must be absent for HEAD: there is no body to judge');
  const redirect = oneOf(redirects, input.redirect, '/redirect', refuse);
  const proxy = readProxyField(input.proxy, refuse);
  const tls = readTls(input.tls, refuse);
  if (tls !== undefined && /^http:/i.test(url)) refuse('/tls', 'says nothing about an http URL; call https');

  if (errors.length > 0 || method === undefined) return { ok: false, errors };
  return ok({
    type: 'http',
    method,
    url,
    headers,
    ...(body === undefined ? {} : storedBody(body)),
    successStatus,
    ...(success === undefined ? {} : { success }),
    ...(redirect === undefined ? {} : { redirect }),
    ...(bodyType === undefined ? {} : { bodyType }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(tls === undefined ? {} : { tls }),
    ...(isTemplate ? { template: true } : {}),
  });
}

function oneOf<const T extends string>(
  known: readonly T[],
  input: unknown,
  path: string,
  refuse: Refuse,
): T | undefined {
  if (input === undefined || input === null) return undefined;
  return known.find((one) => one === input) ?? refuse(path, `must be one of ${known.join(', ')}`);
}

function readProxyField(input: unknown, refuse: Refuse): string | undefined {
  if (input === undefined || input === null) return undefined;
  if (typeof input !== 'string') return refuse('/proxy', 'must be a string');
  const detail = input === 'none' ? null : faultInProxy(input);
  return detail === null ? input : refuse('/proxy', detail);
}

/**
 * Every address that settings refuse among those that a target names, with its pointer below `pointer`. Addresses in
 * `before`, the stored target, are not checked again: settings may have changed since.
 */
export function refusedAddresses(
  target: HttpTarget,
  before: Pick<HttpTarget, 'url' | 'proxy'> | null | undefined,
  pointer: string,
  refusesUrl: (url: string) => string | null,
): FieldError[] {
  return (['url', 'proxy'] as const).flatMap((name) => {
    const url = target[name];
    const detail = url === undefined || url === before?.[name] ? null : refusesUrl(url);
    return detail === null ? [] : [{ pointer: `${pointer}/${name}`, detail }];
  });
}

/** The text with something harmless in place of every `{{ … }}`. */
export function withoutTemplates(text: string): string {
  // Without a regular expression, which would search the whole text for the end of each `{{` that has none.
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

/** The fault of a URL, or null. In a template only the text outside of `{{ … }}` is checked. */
export function faultInUrl(given: string, isTemplate: boolean): string | null {
  if (given.length > longestUrl) return `must be at most ${longestUrl} characters long`;
  const text = isTemplate ? withoutTemplates(given) : given;
  // The URL parser drops some blanks and line ends and adds missing slashes. Such a URL is most likely a mistake.
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

/** The size of a header, in bytes as `largestHeaders` counts. */
export function headerSize(name: string, value: string): number {
  return name.length + value.length + 4;
}

function faultInHeader(name: string, value: string | null): string | null {
  // RFC 9110 §5.6.2: a token.
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return 'is not a header name';
  if (connectionHeaders.includes(name) || name.startsWith('proxy-'))
    return 'is a header of the connection, which Punctual manages';
  if (ownHeaders.includes(name) || name.startsWith('webhook-')) return 'is a header that Punctual sends itself';
  return value === null ? 'must be a string' : faultInHeaderValue(name, value);
}

/** The fault of a header's value, or null (RFC 9110 §5.5, without obsolete line folding). */
export function faultInHeaderValue(name: string, value: string): string | null {
  if (!/^[\t\x20-\x7e\xa0-\xff]*$/.test(value)) return 'must consist of printable Latin-1 characters on one line';
  // RFC 9110 §7.2: a name or address, and perhaps a port. The URL alone decides which server is connected to.
  if (name === 'host' && !/^([\w.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(value))
    return 'must be a host name or address, with a port or without';
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
