/** The rule about the body of an answer that a run needs to succeed, besides the answer's status. */

import { faultInJson, isRecord, pointerPart, type Refuse } from '../../../domain/input/field.ts';
import { isJsonPointer, isSameJson, valueAt } from '../../../domain/input/json-pointer.ts';
import { compilePattern, longestPattern, type Pattern } from './pattern.ts';

/** One rule about the first MiB of an answer's body, as text. */
export type SuccessRule =
  | { bodyContains: string }
  /** In the syntax of RE2, found anywhere in the text. */
  | { bodyMatches: string }
  /** The value at this RFC 6901 pointer must equal this JSON value. */
  | { json: { pointer: string; equals: unknown } };

export const longestContained = 1_024;
export const longestPointer = 256;
export { longestPattern };

const rules = ['bodyContains', 'bodyMatches', 'json'] as const;
const longestShown = 64;

/** The canonical rule of a client's input; undefined where there is none, or a fault in it. */
export function readSuccess(input: unknown, refuse: Refuse): SuccessRule | undefined {
  if (input === undefined || input === null) return undefined;
  if (!isRecord(input)) return refuse('/success', 'must be an object');
  for (const name of Object.keys(input))
    if (!rules.some((known) => known === name)) refuse(`/success/${pointerPart(name)}`, 'is not a known field');
  const given = rules.filter((name) => input[name] !== undefined && input[name] !== null);
  if (given.length !== 1) return refuse('/success', `must have exactly one of ${rules.join(', ')}`);
  const { bodyContains, bodyMatches, json } = input;
  if (bodyContains != null) {
    if (typeof bodyContains !== 'string' || bodyContains === '' || bodyContains.length > longestContained)
      return refuse('/success/bodyContains', `must be a text of 1 to ${longestContained} characters`);
    if (/\0|\p{Cs}/u.test(bodyContains))
      return refuse('/success/bodyContains', 'must not contain NUL characters or broken surrogate pairs');
    return { bodyContains };
  }
  if (bodyMatches != null) {
    if (typeof bodyMatches !== 'string') return refuse('/success/bodyMatches', 'must be a string');
    if (/\0|\p{Cs}/u.test(bodyMatches))
      return refuse('/success/bodyMatches', 'must not contain NUL characters or broken surrogate pairs');
    const pattern = compilePattern(bodyMatches);
    return typeof pattern === 'string' ? refuse('/success/bodyMatches', pattern) : { bodyMatches };
  }
  return readJsonRule(json, refuse);
}

function readJsonRule(input: unknown, refuse: Refuse): SuccessRule | undefined {
  if (!isRecord(input)) return refuse('/success/json', 'must be an object with pointer and equals');
  const { pointer, equals } = input;
  if (typeof pointer !== 'string') return refuse('/success/json/pointer', 'must be given');
  if (pointer.length > longestPointer)
    return refuse('/success/json/pointer', `must be at most ${longestPointer} characters long`);
  if (!isJsonPointer(pointer) || /\0|\p{Cs}/u.test(pointer))
    return refuse('/success/json/pointer', 'must be a JSON pointer such as "/success" (RFC 6901)');
  if (equals === undefined) return refuse('/success/json/equals', 'must be given');
  const detail = faultInJson(equals);
  if (detail !== null) return refuse('/success/json/equals', detail);
  return { json: { pointer, equals } };
}

/** A rule, ready to be asked. */
export type SuccessTest = {
  rule: SuccessRule;
  /** How much work a character of the text is. */
  size: number;
  /**
   * How the body breaks the rule, as the end of a sentence that begins with "its body"; null when it does not.
   * `isWhole` is false where the text is only the beginning.
   */
  faultIn(text: string, isWhole: boolean): string | null;
};

/** Compiles a rule. A stored rule that this version cannot read refuses every text. */
export function successTest(rule: SuccessRule): SuccessTest {
  if ('bodyContains' in rule) {
    const { bodyContains } = rule;
    return test(rule, 1, (text) =>
      text.includes(bodyContains) ? null : 'does not contain what success.bodyContains asks for',
    );
  }
  if ('bodyMatches' in rule) {
    const pattern: Pattern | string = compilePattern(rule.bodyMatches);
    if (typeof pattern === 'string') return test(rule, 0, () => `cannot be judged: success.bodyMatches ${pattern}`);
    return test(rule, pattern.size, (text) =>
      pattern.isIn(text) ? null : 'does not match the pattern of success.bodyMatches',
    );
  }
  const { pointer, equals } = rule.json;
  return test(rule, 1, (text, isWhole) => {
    if (!isWhole) return 'is longer than the 1 MiB in which success.json can be looked for';
    let document: unknown;
    try {
      document = JSON.parse(text.replace(/^\uFEFF/, ''));
    } catch {
      return 'is not the JSON that success.json asks for';
    }
    const found = valueAt(document, pointer);
    if (isSameJson(found, equals)) return null;
    const where = pointer === '' ? 'as a whole' : `at ${pointer}`;
    if (found === undefined) return `has nothing ${where}, where success.json asks for ${shown(equals)}`;
    return `is ${shown(found)} ${where}, where success.json asks for ${shown(equals)}`;
  });
}

function test(rule: SuccessRule, size: number, faultIn: SuccessTest['faultIn']): SuccessTest {
  return { rule, size, faultIn };
}

/** A value in a message: scalars as they are, as far as they are short. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'another array' : 'another object';
  const text = JSON.stringify(value);
  return text.length <= longestShown ? text : `${text.slice(0, longestShown).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
