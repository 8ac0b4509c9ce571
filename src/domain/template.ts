/** Templates in a target: `{{ … }}` in its url, headers and body, filled in for each attempt. */

import { Liquid, type Template } from 'liquidjs';
import { type FieldError, ok, type Result } from '../errors.ts';
import { faultInHeaderValue, type HttpTarget, longestUrl, pointerPart, readTarget } from './target.ts';

/** What a template may name. Instants are RFC 3339. */
export type TemplateVariables = {
  scheduledFor: string;
  attempt: number;
  runId: string;
  taskId: string;
  trigger: string;
  task: { id: string; name: string; labels: Record<string, string> };
  /** The task's last run before this one that is over; null when there is none. */
  previous: PreviousRun | null;
};

export type PreviousRun = { id: string; status: string; scheduledFor: string; finishedAt: string };

/** The templates of one target, ready to be filled in. */
export type TargetTemplates = {
  /** Whether `previous` has to be looked up. */
  usesPrevious: boolean;
  /** The target with everything filled in, or which field cannot be and why. */
  render(variables: TemplateVariables): Result<HttpTarget, string>;
};

/** Names that may stand first, and what may follow them; null = nothing, undefined = anything. */
const known: Record<string, readonly string[] | null> = {
  scheduledFor: null,
  attempt: null,
  runId: null,
  taskId: null,
  trigger: null,
  task: ['id', 'name', 'labels'],
  previous: ['id', 'status', 'scheduledFor', 'finishedAt'],
};

/** Filters of Liquid that compute with one value: nothing that reads a clock, draws at random, or undoes the escaping. */
const filters = new Set(
  (
    'abs append at_least at_most base64_encode capitalize ceil date default divided_by downcase first floor join last lstrip ' +
    'minus modulo plus prepend remove remove_first replace replace_first replace_last round rstrip sha256 size slice ' +
    'slugify split strip times truncate upcase'
  ).split(' '),
);

const largestBody = 256 * 1024;
/** How long the literal beginning of a URL has to be: scheme and host may not depend on anything. */
const literalOrigin = /^https?:\/\/[^/?#{}\s]+(?=[/?#]|$)/i;

/** As `readTarget`, with templates that are looked into. */
export function readTemplatedTarget(input: unknown, pointer: string): Result<HttpTarget> {
  const target = readTarget(input, pointer);
  if (!target.ok || !target.value.template) return target;
  const templates = compileTemplates(target.value, pointer);
  return templates.ok ? target : templates;
}

/** The templates of a target, or every fault in them with its pointer below `pointer`. */
export function compileTemplates(target: HttpTarget, pointer: string): Result<TargetTemplates> {
  const errors: FieldError[] = [];
  let usesPrevious = false;
  const plain = createEngine();
  // A value must not be able to end its part of the URL.
  const encoding = createEngine((value) => (value == null ? '' : encodeURIComponent(String(value))));

  function compile(engine: Liquid, text: string, at: string): (scope: object) => string {
    if (!text.includes('{')) return () => text;
    try {
      const parsed = engine.parse(text);
      const detail = faultInNames(engine, parsed);
      if (detail !== null) errors.push({ pointer: at, detail });
      usesPrevious ||= engine.globalVariablesSync(parsed).includes('previous');
      return (scope) => engine.renderSync(parsed, scope) as string;
    } catch (error) {
      errors.push({ pointer: at, detail: `is no template: ${messageOf(error)}` });
      return () => text;
    }
  }

  function compileBody(value: unknown, at: string): (scope: object) => unknown {
    if (typeof value === 'string') return compile(plain, value, at);
    if (typeof value !== 'object' || value === null) return () => value;
    const members = Object.entries(value).map(
      ([name, member]) => [name, compileBody(member, `${at}/${pointerPart(name)}`)] as const,
    );
    if (Array.isArray(value)) return (scope) => members.map(([, render]) => render(scope));
    return (scope) => Object.fromEntries(members.map(([name, render]) => [name, render(scope)]));
  }

  if (!literalOrigin.test(target.url))
    errors.push({ pointer: `${pointer}/url`, detail: 'must have its scheme, host and port in plain text' });
  const url = compile(encoding, target.url, `${pointer}/url`);
  const headers = Object.entries(target.headers).map(
    ([name, value]) => [name, compile(plain, value, `${pointer}/headers/${pointerPart(name)}`)] as const,
  );
  const body = target.body === undefined ? null : compileBody(target.body, `${pointer}/body`);
  if (errors.length > 0) return { ok: false, errors };

  return ok({
    usesPrevious,
    render(variables) {
      let field = 'url';
      try {
        const rendered: HttpTarget = { ...target, url: url(variables), headers: {} };
        if (rendered.url.length > longestUrl || !URL.canParse(rendered.url))
          return { ok: false, errors: `url: is no URL of at most ${longestUrl} characters once filled in` };
        for (const [name, render] of headers) {
          field = `headers/${name}`;
          const value = render(variables).trim();
          const detail = faultInHeaderValue(value);
          if (detail !== null) return { ok: false, errors: `${field}: ${detail} once filled in` };
          rendered.headers[name] = value;
        }
        field = 'body';
        if (body !== null) rendered.body = body(variables);
        if (body !== null && JSON.stringify(rendered.body).length > largestBody)
          return { ok: false, errors: 'body: is longer than 256 KiB once filled in' };
        return ok(rendered);
      } catch (error) {
        return { ok: false, errors: `${field}: ${messageOf(error)}` };
      }
    },
  });
}

function createEngine(outputEscape?: (value: unknown) => string): Liquid {
  const engine = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    timezoneOffset: 0,
    locale: 'en-US',
    parseLimit: 300_000,
    renderLimit: 200,
    memoryLimit: 1_000_000,
    // Neither `{% include %}` nor a file system: what a template can reach is what it is given.
    templates: {},
    ...(outputEscape ? { outputEscape } : {}),
  });
  for (const name of Object.keys(engine.tags)) delete engine.tags[name];
  for (const name of Object.keys(engine.filters)) if (!filters.has(name)) delete engine.filters[name];
  const { date } = engine.filters;
  if (typeof date === 'function')
    engine.registerFilter('date', function (this: ThisParameterType<typeof date>, value: unknown, ...more: unknown[]) {
      // Liquid would read this machine's clock.
      if (value === 'now' || value === 'today') throw new Error(`date knows no "${value}": use scheduledFor`);
      return date.call(this, value, ...(more as []));
    });
  return engine;
}

/** Null when every name is one that a template may use. */
function faultInNames(engine: Liquid, parsed: Template[]): string | null {
  for (const [first, second] of engine.globalVariableSegmentsSync(parsed) as [string, unknown?][]) {
    if (!Object.hasOwn(known, first)) return `knows no "${first}", only ${Object.keys(known).join(', ')}`;
    const members = known[first];
    if (second !== undefined && (members == null || !members.includes(String(second))))
      return `knows no "${first}.${String(second)}"${members == null ? '' : `, only ${members.map((name) => `${first}.${name}`).join(', ')}`}`;
  }
  return null;
}

/** Liquid's own words, on one line. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0]?.replace(/, line:1, col:\d+$/, '') ?? 'unknown fault';
}
