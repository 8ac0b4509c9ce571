/**
 * Reads and writes JSON, and keeps the digits of numbers and the place of a fault, which JavaScript's own parser loses.
 */

import type { Result } from '../../errors.ts';

/** A number that JavaScript would write otherwise, as it was written: `12345678901234567890`, `1.10`, `1e400`. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The nearest double, for callers that need no more. */
  toJSON(): number {
    return Number(this.text);
  }
}

/** Why a text is refused, and at which of its characters, counted from 0. */
export type JsonFault = { at: number; detail: string };

type Expected = 'value' | 'first value' | 'name' | 'first name' | 'more' | 'end';
type Frame = { value: unknown[] | Record<string, unknown>; key: string };

const blanks = /[ \t\n\r]*/y;
const plainText = /[^"\\]*/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const word = /true|false|null/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for characters that JSON does not allow.
const control = /[\u0000-\u001f]/;
/** The tokens, or escapes within texts, that are read in one step. */
const tokensPerStep = 5_000;

/** `readExactJson` in one go, all numbers exact. */
export function parseExactJson(text: string, deepest: number): Result<unknown, JsonFault> {
  const steps = readExactJson(text, deepest, null);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * The value of a JSON text, in steps of a millisecond or so. Within members of these names (null: everywhere) numbers
 * that JavaScript would write otherwise come as `ExactNumber`; a member `__proto__` is a member like any other; of
 * members with one name the last counts. Refuses more than `deepest` levels of arrays and objects.
 */
export function* readExactJson(
  text: string,
  deepest: number,
  exactWithin: readonly string[] | null,
): Generator<void, Result<unknown, JsonFault>> {
  const stack: Frame[] = [];
  let at = 0;
  /** How many levels lie around the member in which numbers are exact; null outside of all. */
  let exactFrom: number | null = exactWithin === null ? 0 : null;
  let root: unknown;
  let tokens = 0;
  let expected = 'value' as Expected;

  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? '';
  };
  const fault = (detail: string, place = at) => ({ ok: false, errors: { at: place, detail } }) as const;
  const unexpected = () =>
    fault(
      at >= text.length
        ? 'unexpected end'
        : `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))}`,
    );

  /** Puts a value where it belongs. */
  function put(value: unknown): void {
    const frame = stack.at(-1);
    if (frame === undefined) root = value;
    else if (Array.isArray(frame.value)) frame.value.push(value);
    else if (frame.key !== '__proto__') frame.value[frame.key] = value;
    else Object.defineProperty(frame.value, frame.key, { value, writable: true, enumerable: true, configurable: true });
    expected = frame === undefined ? 'end' : 'more';
    if (exactFrom === stack.length && exactWithin !== null) exactFrom = null;
  }

  /** The text that begins with the quote at `at`; null, and `at` where it is wrong, when it is none. */
  function* readText(): Generator<void, string | null> {
    const start = at++;
    let escaped = false;
    for (;;) {
      const run = match(plainText);
      const bad = control.exec(run);
      if (bad) {
        at += bad.index;
        return null;
      }
      at += run.length;
      if (at >= text.length) return null;
      if (text[at++] === '"') break;
      escaped = true;
      if (++tokens % tokensPerStep === 0) yield;
      const isUnicode = text[at] === 'u';
      if (isUnicode ? !/^[0-9a-f]{4}$/i.test(text.slice(at + 1, at + 5)) : !'"\\/bfnrt'.includes(text[at] ?? ' '))
        return null;
      at += isUnicode ? 5 : 1;
    }
    return escaped ? (JSON.parse(text.slice(start, at)) as string) : text.slice(start + 1, at - 1);
  }

  for (;;) {
    if (++tokens % tokensPerStep === 0) yield;
    at += match(blanks).length;
    const character = text[at];
    const top = stack.at(-1);
    if (expected === 'end') return character === undefined ? { ok: true, value: root } : unexpected();
    if (expected === 'more') {
      const closing = Array.isArray(top?.value) ? ']' : '}';
      if (character !== ',' && character !== closing) return unexpected();
      at++;
      if (character === ',') expected = closing === ']' ? 'value' : 'name';
      else put((stack.pop() as Frame).value);
    } else if ((expected === 'first value' && character === ']') || (expected === 'first name' && character === '}')) {
      at++;
      put((stack.pop() as Frame).value);
    } else if (expected === 'name' || expected === 'first name') {
      const name = character === '"' ? yield* readText() : null;
      if (name === null) return unexpected();
      at += match(blanks).length;
      if (text[at] !== ':') return unexpected();
      at++;
      (top as Frame).key = name;
      expected = 'value';
      if (exactFrom === null && exactWithin?.includes(name)) exactFrom = stack.length;
    } else if (character === '{' || character === '[') {
      if (stack.length === deepest) return fault(`nested deeper than ${deepest} levels`);
      at++;
      stack.push({ value: character === '[' ? [] : {}, key: '' });
      expected = character === '[' ? 'first value' : 'first name';
    } else if (character === '"') {
      const value = yield* readText();
      if (value === null) return unexpected();
      put(value);
    } else {
      const literal = match(word);
      const digits = literal === '' ? match(number) : '';
      if (literal === '' && digits === '') return unexpected();
      at += literal.length + digits.length;
      put(literal === '' ? numberOf(digits, exactFrom !== null) : literal === 'null' ? null : literal === 'true');
    }
  }
}

/** Whether a text may hold a number that comes as `ExactNumber`: asked before the slower reader is used. */
export function mayHoldExactNumbers(text: string): boolean {
  return /\d[\d.]{15}|\d[eE]|\.\d*0(?!\d)|-0/.test(text);
}

function numberOf(text: string, exact: boolean): number | ExactNumber {
  const value = Number(text);
  return exact && String(value) !== text ? new ExactNumber(text) : value;
}

/** The JSON text of a value, exact numbers as they were written. */
export function writeExactJson(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeExactJson).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${writeExactJson(member)}`).join(',')}}`;
}

/** Whether a value holds a number that only `writeExactJson` writes as it was. */
export function holdsExactNumber(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof ExactNumber || Object.values(value).some(holdsExactNumber);
}
