/** Hides the values of secrets wherever a text repeats them, also in the encodings in which programs repeat a value. */

import { mask } from '../task/credentials.ts';

/**
 * Hides values in a text. Where the text may end in the middle of a value, `beginning` is how many characters of one at
 * the end are hidden too.
 */
export type Masker = (text: string, beginning?: number) => string;

/** In characters: a shorter value is found in texts that do not repeat it. */
const shortestMasked = 8;

/** A masker of these values; null where none of them is long enough. */
export function createMasker(values: Iterable<string>): Masker | null {
  const forms = new Set<string>();
  for (const value of values) for (const form of formsOf(value)) forms.add(form);
  if (forms.size === 0) return null;
  // A form may hold another one, which must not be hidden first.
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  return (text, beginning = Number.POSITIVE_INFINITY) => {
    let masked = text;
    for (const form of longestFirst) masked = hide(masked, form, mask);
    return hideBeginning(masked, longestFirst, beginning);
  };
}

/**
 * In characters. The search of the runtime takes time in proportion to the product of both lengths at worst, which is
 * too long for longer forms.
 */
const longestSearched = 256;

/** The text with `instead` in place of each `form` in it. */
export function hide(text: string, form: string, instead: string): string {
  if (form.length <= longestSearched) return text.includes(form) ? text.replaceAll(form, instead) : text;
  if (form.length > text.length) return text;
  const next = matcherOf(form, form.length);
  let hidden = '';
  let shown = 0;
  let matched = 0;
  for (let place = 0; place < text.length; place++) {
    matched = next(matched, text.charCodeAt(place));
    if (matched < form.length) continue;
    hidden += text.slice(shown, place + 1 - form.length) + instead;
    shown = place + 1;
    matched = 0;
  }
  return shown === 0 ? text : hidden + text.slice(shown);
}

/** The text with a mask for the longest beginning of a form that it ends with, of so many characters at least. */
function hideBeginning(text: string, forms: readonly string[], shortest: number): string {
  if (shortest === Number.POSITIVE_INFINITY) return text;
  let hidden = 0;
  for (const form of forms) if (form.length - 1 > hidden) hidden = Math.max(hidden, overlapOf(text, form));
  return hidden < Math.max(1, shortest) ? text : text.slice(0, text.length - hidden) + mask;
}

/** The length of the longest end of a text that is a beginning of `form`, and not all of it. */
export function overlapOf(text: string, form: string): number {
  const longest = Math.min(form.length - 1, text.length);
  const first = text.indexOf(form.charAt(0), text.length - longest);
  if (first < 0) return 0;
  const next = matcherOf(form, text.length - first);
  let matched = 0;
  for (let place = first; place < text.length; place++) matched = next(matched, text.charCodeAt(place));
  return matched;
}

/**
 * A function that gives how many characters of `form` match after one more character of a text, from how many matched
 * before it; `length` is the most that can match. It takes time in proportion to the lengths of both, also where they
 * nearly match everywhere (Knuth, Morris and Pratt).
 */
function matcherOf(form: string, length: number): (matched: number, code: number) => number {
  /** For each beginning of the form: its longest shorter end that is a beginning too. */
  const shorter = new Int32Array(length + 1);
  const next = (matched: number, code: number): number => {
    let kept = matched;
    while (kept > 0 && form.charCodeAt(kept) !== code) kept = shorter[kept] ?? 0;
    return form.charCodeAt(kept) === code ? kept + 1 : 0;
  };
  for (let place = 1; place < length; place++) shorter[place + 1] = next(shorter[place] ?? 0, form.charCodeAt(place));
  return next;
}

/**
 * The value as it is, and as programs write it: JSON, URLs, forms, HTML, base64, hex, other charsets and cases. None
 * where the value is too short.
 */
export function formsOf(value: string): string[] {
  if (value.length < shortestMasked) return [];
  const json = inJson(value);
  const ascii = json.replace(/[^\x20-\x7e]/g, escaped);
  const url = encodeURIComponent(value);
  const strictUrl = url.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams([['', value]]).toString().slice(1);
  const html = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const bytes = Buffer.from(value);
  const plain = [
    value,
    value.trim(),
    // Also JSON in a text of JSON: what echoes a body does that.
    ...[json, ascii].flatMap((text) => [text, inJson(text), inJson(inJson(text))]),
    ...[json, ascii].map((text) => text.replaceAll('/', '\\/')),
    json.replace(/[<>&'+]/g, escaped),
    url,
    strictUrl,
    form,
    encodeURI(value),
    html,
    html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    html.replaceAll('"', '&#34;').replaceAll("'", '&#x27;'),
    bytes.toString('hex'),
    // A body in UTF-8 that is repeated as Latin-1, and a header in Latin-1 that is repeated as UTF-8.
    bytes.toString('latin1'),
    Buffer.from(value, 'latin1').toString(),
  ];
  const encoded = [bytes, Buffer.from(value, 'latin1')].flatMap(inBase64);
  const cased = plain.flatMap((text) => [text, text.toLowerCase(), text.toUpperCase(), lowerEscapes(text)]);
  return [...cased, ...encoded].filter((text) => text.length >= shortestMasked);
}

/** The bytes in base64, and the parts of it that are the same wherever in a longer text the bytes stand. */
function inBase64(bytes: Buffer): string[] {
  const whole = bytes.toString('base64');
  const parts = [0, 1, 2].map((before) => {
    const padded = Buffer.concat([Buffer.alloc(before), bytes]);
    // Characters at both ends hold bits of the neighbours too.
    const text = padded.toString('base64').replace(/=+$/, '');
    return text.slice([0, 2, 3][before], Math.floor((padded.length * 8) / 6));
  });
  return [whole, whole.replace(/=+$/, ''), ...parts].flatMap((text) => [
    text,
    text.replaceAll('+', '-').replaceAll('/', '_'),
    encodeURIComponent(text),
  ]);
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function escaped(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** `%2F` as `%2f`. */
function lowerEscapes(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
}
