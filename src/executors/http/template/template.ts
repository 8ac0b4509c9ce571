/** Templates in a target: `{{ … }}` in its url, headers and body, filled in for each attempt. */

import { ExactNumber } from '../../../domain/input/exact-json.ts';
import { pointerPart } from '../../../domain/input/field.ts';
import type { SecretUse } from '../../../domain/task/target.ts';
import { type FieldError, ok, type Result } from '../../../errors.ts';
import { faultInEncoded } from '../target/body.ts';
import { exactBody, storedBody } from '../target/stored-body.ts';
import {
  faultInHeaderValue,
  faultInUrl,
  type HttpTarget,
  headerSize,
  largestHeaders,
  readTarget,
  withoutTemplates,
} from '../target/target.ts';
import { compileLiquid, type LiquidEncoding, liquidBudget, liquidMessage, liquidValues } from './liquid.ts';

/** The values that a template may name. Instants are RFC 3339. */
export type TemplateVariables = {
  scheduledFor: string;
  attempt: number;
  runId: string;
  taskId: string;
  trigger: string;
  task: { id: string; name: string; labels: Record<string, string> };
  /** The task's last run before this one that is over; null when there is none. */
  previous: PreviousRun | null;
  /** The input that the request gave the run; null for none. */
  input: unknown;
  /** The values of the secrets that the templates use; absent where they use none. */
  secrets?: Readonly<Record<string, string>>;
};

export type PreviousRun = { id: string; status: string; scheduledFor: string; finishedAt: string };

/** The templates of one target, ready to be filled in. */
export type TargetTemplates = {
  /** Whether `previous` has to be looked up. */
  usesPrevious: boolean;
  /** Each place of a secret. */
  secrets: readonly SecretUse[];
  /** The target with everything filled in, or which field cannot be and why. */
  render(variables: TemplateVariables): Result<HttpTarget, string>;
};

/** In bytes; also the bound on a client's text. */
const largestBody = 256 * 1024;
/** The most faults of one answer: a body may hold thousands of faulty templates. */
const mostFaults = 20;
/** How long the literal beginning of a URL has to be: scheme and host may not depend on anything. */
const literalOrigin = /^https?:\/\/[^/?#{}\s]+(?=[/?#]|$)/i;

/** As `readTarget`, with templates that are looked into; they may use these names beside secrets, all for null. */
export function readTemplatedTarget(
  input: unknown,
  pointer: string,
  names: readonly string[] | null = null,
): Result<HttpTarget> {
  const target = readTarget(input, pointer);
  if (!target.ok || !target.value.template) return target;
  const templates = compileTemplates(target.value, pointer, true, names);
  return templates.ok ? target : templates;
}

/** Fills in one value. Throws when that is impossible. */
type Render<T> = (values: ReturnType<typeof liquidValues>) => T;

/**
 * The templates of a target, or every fault in them with its pointer below `pointer`. `tried`: also those that only
 * show when something is filled in, where sample values can tell. `names`: see `readTemplatedTarget`.
 */
export function compileTemplates(
  target: HttpTarget,
  pointer: string,
  tried = false,
  names: readonly string[] | null = null,
): Result<TargetTemplates> {
  const errors: FieldError[] = [];
  const budget = liquidBudget(tried, names);
  let usesPrevious = false;
  const secrets: SecretUse[] = [];

  function compile(text: string, at: string, encoding: LiquidEncoding = 'plain'): Render<string> {
    if (!text.includes('{') || errors.length >= mostFaults) return () => text;
    const compiled = compileLiquid(text, encoding, budget);
    if (!compiled.ok) {
      errors.push({ pointer: at, detail: compiled.errors });
      return () => text;
    }
    usesPrevious ||= compiled.value.usesPrevious;
    for (const name of compiled.value.secrets) secrets.push({ name, pointer: at });
    return compiled.value.fillIn;
  }

  function compileBody(value: unknown, at: string): Render<unknown> {
    if (typeof value === 'string') return compile(value, at);
    if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return () => value;
    const members = Object.entries(value).map(
      ([name, member]) => [name, compileBody(member, `${at}/${pointerPart(name)}`)] as const,
    );
    if (Array.isArray(value)) return (values) => members.map(([, render]) => render(values));
    return (values) => Object.fromEntries(members.map(([name, render]) => [name, render(values)]));
  }

  if (!literalOrigin.test(target.url))
    errors.push({ pointer: `${pointer}/url`, detail: 'must have its scheme, host and port in plain text' });
  else if (hasDotSegment(withoutTemplates(target.url)))
    errors.push({ pointer: `${pointer}/url`, detail: 'must not have the segments "." and ".." in its path' });
  const url = compile(target.url, `${pointer}/url`, 'url');
  const headers = Object.entries(target.headers).map(
    ([name, value]) => [name, compile(value, `${pointer}/headers/${pointerPart(name)}`)] as const,
  );
  const ofHeaders = secrets.map((use) => use.pointer);
  const secretHeaders = headers.flatMap(([name]) =>
    ofHeaders.includes(`${pointer}/headers/${pointerPart(name)}`) ? name : [],
  );
  const body = target.body === undefined || target.plainBody ? null : compileBody(exactBody(target), `${pointer}/body`);
  if (errors.length > 0) return { ok: false, errors };
  const secretIn = { headers: secretHeaders, body: secrets.length > ofHeaders.length };

  return ok({
    usesPrevious,
    secrets,
    render(variables) {
      const values = liquidValues(variables);
      const rendered: HttpTarget = { ...target, headers: {}, ...(secrets.length > 0 && { secretIn }) };
      let field = 'url';
      const refused = (detail: string) => ({ ok: false, errors: `${field}: ${detail} once filled in` }) as const;
      try {
        rendered.url = url(values);
        // Percent-encoding leaves dots as they are, and encoded ones are the same to a URL parser.
        if (hasDotSegment(rendered.url)) return refused('has the segment "." or ".." in its path');
        const faultOfUrl = faultInUrl(rendered.url, false);
        if (faultOfUrl !== null) return refused(faultOfUrl);
        let size = 0;
        for (const [name, render] of headers) {
          field = `headers/${name}`;
          const value = render(values).trim();
          const detail = faultInHeaderValue(name, value);
          if (detail !== null) return refused(detail);
          rendered.headers[name] = value;
          size += headerSize(name, value);
        }
        field = 'headers';
        if (size > largestHeaders) return refused(`must be at most ${largestHeaders} bytes together`);
        field = 'body';
        if (body !== null) Object.assign(rendered, storedBody(body(values)));
        const faultOfBody = faultInEncoded(rendered);
        if (faultOfBody !== null) return refused(faultOfBody);
        if (body !== null && Buffer.byteLength(rendered.bodyText ?? JSON.stringify(rendered.body)) > largestBody)
          return refused('is longer than 256 KiB');
        return ok(rendered);
      } catch (error) {
        return refused(liquidMessage(error));
      }
    },
  });
}

/** Whether a URL parser would take the path for another one (WHATWG URL, "double-dot URL path segment"). */
function hasDotSegment(url: string): boolean {
  const [path = ''] = url.split(/[?#]/, 1);
  return path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
}

/** Each place of a secret in a target, which has been checked; none where it is no template. */
export function secretsIn(target: HttpTarget, pointer: string): readonly SecretUse[] {
  const { template, url, headers, body } = target;
  if (!template || !JSON.stringify([url, headers, body]).includes('secrets')) return [];
  const templates = compileTemplates(target, pointer);
  return templates.ok ? templates.value.secrets : [];
}
