/** The part of Liquid that templates may use: one value, filters that compute with it, and limits on all of it. */

import { Context, Liquid, Output } from 'liquidjs';
import { ok, type Result } from '../errors.ts';
import { parseInstant } from './instant.ts';

/** A text with `{{ … }}` in it, understood. */
type LiquidText = {
  usesPrevious: boolean;
  /** Throws an error with Liquid's own words where a value cannot be computed. */
  fillIn(values: Context): string;
};

/** What the texts of one target have in common: how many more `{{ … }}` there may be. */
type LiquidBudget = { left: number };

/** How values go into the text: as they are, or percent-encoded so that they stay within their part of a URL. */
export type LiquidEncoding = 'plain' | 'url';

/** They bound what it costs to understand a target; without them 256 KiB of templates took 20 seconds. */
const mostExpressions = 128;
const longestExpression = 512;
/** Of what all filters of one target read and make together, by Liquid's own count. */
const memoryLimit = 1_000_000;
/** In milliseconds. The other limits bound the work to a few; this one must not end a run because a machine stood still. */
const renderLimit = 1_000;

/** Names that may stand first, and what may follow them; null = nothing. */
const known: Record<string, readonly string[] | null> = {
  scheduledFor: null,
  attempt: null,
  runId: null,
  taskId: null,
  trigger: null,
  task: ['id', 'name', 'labels'],
  previous: ['id', 'status', 'scheduledFor', 'finishedAt'],
};

/** Values of the same shape as those to come. What names nothing else is tried with them when it is written. */
const sample: Record<string, string | number> = {
  scheduledFor: '2026-01-01T00:00:00.000Z',
  attempt: 1,
  runId: '00000000-0000-7000-8000-000000000000',
  trigger: 'schedule',
};

/** Filters of Liquid that compute with one value: nothing that reads a clock, draws at random, or undoes the escaping. */
const filters = new Set(
  (
    'abs append at_least at_most base64_encode capitalize ceil date default divided_by downcase first floor join last lstrip ' +
    'minus modulo plus prepend remove remove_first replace replace_first replace_last round rstrip sha256 size slice ' +
    'slugify split strip times truncate upcase'
  ).split(' '),
);

/** Made once, because each takes 20 KiB and a third of a millisecond. They keep nothing between templates. */
const engines: Record<LiquidEncoding, Liquid> = {
  plain: createEngine(),
  url: createEngine((value) => (value == null ? '' : encodeURIComponent(String(value)))),
};

export function liquidBudget(): LiquidBudget {
  return { left: mostExpressions };
}

/** The values for all texts of one target, which share the limits. */
export function liquidValues(variables: object): Context {
  return new Context(variables, engines.plain.options, { sync: true });
}

/** Understands a text, or says in one phrase why it cannot. Takes what it needs of `budget`. */
export function compileLiquid(
  text: string,
  encoding: LiquidEncoding,
  budget: LiquidBudget,
): Result<LiquidText, string> {
  const engine = engines[encoding];
  budget.left -= text.split('{{').length - 1;
  if (budget.left < 0) return refused(`is one too many: a target may have ${mostExpressions} {{ … }}`);
  try {
    const parsed = engine.parse(text);
    const expressions = parsed.filter((part) => part instanceof Output).map(({ token }) => token.getText());
    if (expressions.some(({ length }) => length > longestExpression))
      return refused(`has a {{ … }} of more than ${longestExpression} characters`);
    // Each on its own, because the analysis counts lines from the beginning of the text for every name it finds.
    const names = expressions.flatMap((expression) => engine.globalVariableSegmentsSync(engine.parse(expression))) as [
      string,
      unknown?,
    ][];
    const unknownName = names.map(faultInName).find((fault) => fault !== null);
    if (unknownName != null) return refused(unknownName);
    const fillIn = (values: Context) => engine.renderSync(parsed, values) as string;
    const detail = names.every(([first]) => Object.hasOwn(sample, first)) ? faultInSample(fillIn) : null;
    if (detail !== null) return refused(detail);
    return ok({ usesPrevious: names.some(([first]) => first === 'previous'), fillIn });
  } catch (error) {
    return refused(`is no template: ${liquidMessage(error)}`);
  }
}

function faultInSample(fillIn: LiquidText['fillIn']): string | null {
  try {
    fillIn(liquidValues(sample));
    return null;
  } catch (error) {
    return `cannot be filled in: ${liquidMessage(error)}`;
  }
}

/** Liquid's own words, on one line. */
export function liquidMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0]?.replace(/, line:1, col:\d+$/, '') ?? 'unknown fault';
}

function refused(detail: string): Result<never, string> {
  return { ok: false, errors: detail };
}

function createEngine(outputEscape?: (value: unknown) => string): Liquid {
  const engine = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    timezoneOffset: 0,
    locale: 'en-US',
    parseLimit: 300_000,
    renderLimit,
    memoryLimit,
    // Neither `{% include %}` nor a file system: what a template can reach is what it is given.
    templates: {},
    ...(outputEscape ? { outputEscape } : {}),
  });
  for (const name of Object.keys(engine.tags)) delete engine.tags[name];
  for (const name of Object.keys(engine.filters)) if (!filters.has(name)) delete engine.filters[name];
  const { date } = engine.filters;
  if (typeof date === 'function')
    engine.registerFilter('date', function (this: ThisParameterType<typeof date>, value: unknown, ...more: unknown[]) {
      // Liquid takes "now" from this machine's clock, and a text without an offset to be in this machine's time zone.
      if (value != null && value !== '' && !isDate(value))
        throw new Error('date takes an instant such as scheduledFor, a day such as 2026-12-01, or seconds');
      return date.call(this, value, ...(more as []));
    });
  return engine;
}

function isDate(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'string' && (/^(\d{4}-\d\d-\d\d|\d{1,12})$/.test(value) || parseInstant(value) !== null);
}

/** What is wrong with a name and what follows it, or null. */
function faultInName([first, second]: [string, unknown?]): string | null {
  if (!Object.hasOwn(known, first)) return `knows no "${first}", only ${Object.keys(known).join(', ')}`;
  const members = known[first];
  if (second === undefined || members?.includes(String(second))) return null;
  const only = members == null ? '' : `, only ${members.map((name) => `${first}.${name}`).join(', ')}`;
  return `knows no "${first}.${String(second)}"${only}`;
}
