/** The part of Liquid that templates may use: one value, filters that compute with it, and limits on all of it. */

import { Context, Liquid, Output } from 'liquidjs';
import { parseInstant } from '../../../domain/input/instant.ts';
import { ok, type Result } from '../../../errors.ts';
import { namesIn, secretIn } from './liquid-grammar.ts';

/** A text with `{{ … }}` in it, understood. */
type LiquidText = {
  usesPrevious: boolean;
  /** The names of those that it uses. */
  secrets: readonly string[];
  /** Throws an error with Liquid's own words where a value cannot be computed. */
  fillIn(values: Context): string;
};

/**
 * Shared by the texts of one target: how many more `{{ … }}` are allowed, and the sample values that they are tried
 * with.
 */
type LiquidBudget = {
  left: number;
  sample: Context | null;
  /** The only names that they may use beside secrets; null for all that there are. */
  names: readonly string[] | null;
};

/** How values go into the text: as they are, or percent-encoded so that they stay within their part of a URL. */
export type LiquidEncoding = 'plain' | 'url';

/** Bounds on the work of parsing a target; without them 256 KiB of templates took 20 seconds. */
const mostExpressions = 128;
const longestExpression = 512;
/**
 * The limit for all expressions of one target together, in characters read and made. Liquid counts those of its
 * filters. The text that is inserted and the cost of dates are counted here.
 */
const memoryLimit = 500_000;
/**
 * A name of a day, month or zone makes a formatter of its own, some 60 µs; as many characters of other filters take as
 * long.
 */
const dearConversionCost = 4_000;
const conversionCost = 200;
/**
 * In milliseconds. The other limits bound the work to a few; this one must not end a run because a machine stood still.
 */
const renderLimit = 1_000;

/**
 * Sample values of the shape that real ones have. A template that names only these is tried with them when its task is
 * written.
 */
const sample: Record<string, string | number> = {
  scheduledFor: '2026-01-01T00:00:00.000Z',
  attempt: 1,
  runId: '00000000-0000-7000-8000-000000000000',
  trigger: 'schedule',
};

/**
 * Filters of Liquid that compute with one value: nothing that reads a clock, draws at random, or undoes the escaping.
 */
const filters = new Set(
  (
    'abs append at_least at_most base64_encode capitalize ceil date default divided_by downcase first floor join last lstrip ' +
    'minus modulo plus prepend remove remove_first replace replace_first replace_last round rstrip sha256 size slice ' +
    'slugify split strip times truncate upcase'
  ).split(' '),
);

/** Made once, because each takes 20 KiB and a third of a millisecond. They keep nothing between templates. */
const engines: Record<LiquidEncoding, Liquid> = {
  plain: createEngine((value) => value),
  url: createEngine((value) => (value == null ? '' : encodeURIComponent(String(value)))),
};

/** `tried`: whether texts that name nothing else are tried with sample values while they are compiled. */
export function liquidBudget(tried: boolean, names: readonly string[] | null): LiquidBudget {
  return { left: mostExpressions, sample: tried ? liquidValues(sample) : null, names };
}

/** The values for all texts of one target, which share the limits. */
export function liquidValues(variables: object): Context {
  return new Context(variables, engines.plain.options, { sync: true });
}

/** Parses a text, or says in one phrase why it cannot. Takes its cost from `budget`. */
export function compileLiquid(
  text: string,
  encoding: LiquidEncoding,
  budget: LiquidBudget,
): Result<LiquidText, string> {
  const engine = engines[encoding];
  budget.left -= text.split('{{').length - 1;
  if (budget.left < 0) return refused(`is one too many: a target may have ${mostExpressions} {{ … }}`);
  if (hasLongExpression(text)) return refused(`has a {{ … }} of more than ${longestExpression} characters`);
  try {
    const parsed = engine.parse(text);
    const used = new Set<string>();
    const secrets = new Set<string>();
    for (const part of parsed) {
      if (!(part instanceof Output)) continue;
      if (part.token.getText().length > longestExpression)
        return refused(`has a {{ … }} of more than ${longestExpression} characters`);
      const secret = secretIn(part);
      if (secret !== null) {
        if (encoding === 'url') return refused('may not use a secret: URLs are shown and logged; send it in a header');
        secrets.add(secret);
        continue;
      }
      const found = namesIn(part);
      if ('fault' in found) return refused(found.fault);
      const unknown = budget.names && found.names.find((name) => !budget.names?.includes(name));
      if (unknown) return refused(`knows no "${unknown}" here, only ${budget.names?.join(', ')} and secrets.NAME`);
      for (const name of found.names) used.add(name);
    }
    const fillIn = (values: Context) => engine.renderSync(parsed, values) as string;
    const triable =
      budget.sample !== null && secrets.size === 0 && [...used].every((name) => Object.hasOwn(sample, name));
    const detail = triable ? faultInSample(fillIn, budget.sample as Context) : null;
    if (detail !== null) return refused(detail);
    return ok({ usesPrevious: used.has('previous'), secrets: [...secrets], fillIn });
  } catch (error) {
    return refused(`is no template: ${liquidMessage(error)}`);
  }
}

/**
 * Checked before Liquid reads the text, because its work for one expression grows with the length, even where the
 * expression is refused.
 */
function hasLongExpression(text: string): boolean {
  for (let start = text.indexOf('{{'); start >= 0; start = text.indexOf('{{', start + 2)) {
    const end = text.indexOf('}}', start + 2);
    if ((end < 0 ? text.length : end + 2) - start > longestExpression) return true;
  }
  return false;
}

function faultInSample(fillIn: LiquidText['fillIn'], values: Context): string | null {
  try {
    fillIn(values);
    return null;
  } catch (error) {
    return `cannot be filled in: ${liquidMessage(error)}`;
  }
}

/** Liquid's own words, on one line. */
export function liquidMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (text.startsWith('memory alloc limit')) return 'its expressions read or make more than a template may';
  return text.split('\n', 1)[0]?.replace(/, line:1, col:\d+$/, '') ?? 'unknown fault';
}

function refused(detail: string): Result<never, string> {
  return { ok: false, errors: detail };
}

/** The context that Liquid hands to its filters. */
type FilterThis = { context: Context };

function createEngine(encode: (value: unknown) => unknown): Liquid {
  const engine = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    timezoneOffset: 0,
    locale: 'en-US',
    parseLimit: 300_000,
    renderLimit,
    memoryLimit,
    // Neither `{% include %}` nor a file system: a template reaches only the values that it is given.
    templates: {},
    outputEscape: function (this: FilterThis, value: unknown) {
      const encoded = encode(value);
      this.context.memoryLimit.use(sizeOf(encoded));
      return encoded;
    } as (value: unknown) => string,
  });
  for (const name of Object.keys(engine.tags)) delete engine.tags[name];
  for (const name of Object.keys(engine.filters)) if (!filters.has(name)) delete engine.filters[name];
  const { date } = engine.filters;
  if (typeof date === 'function')
    engine.registerFilter('date', function (this: ThisParameterType<typeof date>, value: unknown, ...more: unknown[]) {
      // Liquid takes "now" from this machine's clock, and a text without an offset to be in this machine's time zone.
      if (value != null && value !== '' && !isDate(value))
        throw new Error('date takes an instant such as scheduledFor, a day such as 2026-12-01, or seconds');
      this.context.memoryLimit.use(costOfDate(more));
      return date.call(this, value, ...(more as []));
    });
  return engine;
}

/** The characters that a value becomes. */
function sizeOf(value: unknown): number {
  if (!Array.isArray(value)) return typeof value === 'string' ? value.length : 32;
  return value.reduce((sum: number, item) => sum + sizeOf(item), 0);
}

/** The cost of writing a date in a format: conversions with names cost much, and so does a zone. */
function costOfDate([format, zone]: unknown[]): number {
  const text = String(format ?? '');
  let cost = zone === undefined ? 0 : dearConversionCost;
  for (const [conversion] of text.matchAll(/%[-_0^#:\d]{0,512}[EO]?[\s\S]/g))
    cost += /[aAbBhZ]$/.test(conversion) ? dearConversionCost : conversionCost;
  return cost;
}

function isDate(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'string' && (/^(\d{4}-\d\d-\d\d|\d{1,12})$/.test(value) || parseInstant(value) !== null);
}
