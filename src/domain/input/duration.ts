/** Durations as people write them: `500ms`, `1h30m`, `1.5h`, `2w`, and ISO 8601 such as `PT30S`. */

import { ok, type Result } from '../../errors.ts';

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** The units of the groups of the pattern, in milliseconds: weeks, days, hours, minutes, seconds, milliseconds. */
const sizes = [7 * 86_400_000, ...units.map(([, size]) => size)];

/** The longest duration accepted, in milliseconds: ten years of 365 days. */
const longest = 3_650 * 86_400_000;

// Six digits of a fraction times the milliseconds of a week are still an exact integer.
const number = '(\\d+(?:\\.\\d{1,6})?)';
const isoNumber = '(\\d+(?:[.,]\\d{1,6})?)';
const plain = `(?=\\d)(?:${number}w)?(?:${number}d)?(?:${number}h)?(?:${number}m(?!s))?(?:${number}s)?(?:(\\d+)ms)?`;
const iso =
  `P(?=[\\dT])(?:${isoNumber}W)?(?:${isoNumber}D)?` +
  `(?:T(?=\\d)(?:${isoNumber}H)?(?:${isoNumber}M)?(?:${isoNumber}S)?)?`;

/** A regular expression for the texts that `readDuration` reads. */
export const durationPattern = `^(?:${plain}|${iso})$`;

const pattern = new RegExp(durationPattern);

/** Milliseconds, or a sentence that names the fault of the text, and the text to write instead where it is evident. */
export function readDuration(text: string): Result<number, string> {
  const match = pattern.exec(text);
  const shown = `"${text.slice(0, 40)}"`;
  if (!match) return refuse(`${shown} is not a duration such as "30s" or "1h30m"${hintFor(text)}`);
  let total = 0;
  for (const [place, size] of sizes.entries()) {
    const ms = timesSize(match[place + 1] ?? match[place + 7] ?? '0', size);
    if (ms === null) return refuse(`${shown} is finer than a millisecond`);
    total += ms;
  }
  if (total > longest) return refuse(`${shown} is too long: at most ${formatDuration(longest)}`);
  return ok(total);
}

/** Milliseconds; null when the text is no duration, or one of more than 3650 days. */
export function parseDuration(text: string): number | null {
  const read = readDuration(text);
  return read.ok ? read.value : null;
}

/** The canonical text of whole milliseconds ≥ 0: `parseDuration` gives back the same number. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}

/** Whether the text counts weeks or fractions, which the canonical form never does. */
export function isRewritten(text: string): boolean {
  return /[w.,W]/.test(text);
}

const words = new Map(
  Object.entries({
    ms: 1,
    msec: 1,
    millisecond: 1,
    s: 1_000,
    sec: 1_000,
    second: 1_000,
    m: 60_000,
    min: 60_000,
    minute: 60_000,
    h: 3_600_000,
    hr: 3_600_000,
    hour: 3_600_000,
    d: 86_400_000,
    day: 86_400_000,
    w: 7 * 86_400_000,
    week: 7 * 86_400_000,
  }),
);

/** The canonical form of a duration in words, such as `5 minutes` or `an hour and 30 mins`; null where it is none. */
export function durationInWords(text: string): string | null {
  const parts = text
    .toLowerCase()
    .replace(/\b(?:an?|one)\b/g, '1')
    .split(/\s*(?:,|\band\b)\s*|(?<=[a-z])\s*(?=\d)/);
  let total = 0;
  for (const part of parts) {
    const [, count, word = ''] = /^\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]+)\s*$/.exec(part) ?? [];
    const size = words.get(word) ?? words.get(word.replace(/s$/, ''));
    const ms = count === undefined || size === undefined ? null : timesSize(count, size);
    if (ms === null) return null;
    total += ms;
  }
  return total > 0 && total <= longest ? formatDuration(total) : null;
}

/** A decimal number of units in whole milliseconds; null where there is a fraction of one. Exact. */
function timesSize(text: string, size: number): number | null {
  const [whole = '0', fraction = ''] = text.split(/[.,]/);
  const scale = 10 ** fraction.length;
  const part = Number(fraction) * size;
  return part % scale === 0 ? Number(whole) * size + part / scale : null;
}

function hintFor(text: string): string {
  // In many notations the letter stands for months.
  if (/\d\s*M\b/.test(text) && !text.startsWith('P')) return ': minutes are "m"; months differ in length';
  const meant = durationInWords(text.slice(0, 100));
  if (meant !== null) return `; write "${meant}"`;
  if (/^\s*\d+\s*$/.test(text)) return ': it has no unit; the units are ms, s, m, h, d and w';
  if (/^P\d+[YM]|\d\s*(?:mo|y)/i.test(text)) return ': months and years differ in length';
  return '';
}

function refuse(sentence: string): { ok: false; errors: string } {
  return { ok: false, errors: sentence };
}
