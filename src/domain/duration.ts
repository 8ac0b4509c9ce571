/** Durations as people write them: `500ms`, `1h30m`, `7d`, and ISO 8601 such as `PT30S`. */

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** The longest duration accepted, in milliseconds: ten years of 365 days. */
const longest = 3_650 * 86_400_000;

const plain = '(?=\\d)(?:(\\d{1,12})d)?(?:(\\d{1,12})h)?(?:(\\d{1,12})m(?!s))?(?:(\\d{1,12})s)?(?:(\\d{1,15})ms)?';
const iso = 'P(?=[\\dT])(?:(\\d{1,12})D)?(?:T(?=\\d)(?:(\\d{1,12})H)?(?:(\\d{1,12})M)?(?:(\\d{1,12})S)?)?';

/** A regular expression for exactly what `parseDuration` reads, but for the bound on its length. */
export const durationPattern = `^(?:${plain}|${iso})$`;

const pattern = new RegExp(durationPattern);

/** Milliseconds; null when the text is no duration, or one of more than 3650 days. */
export function parseDuration(text: string): number | null {
  const match = pattern.exec(text);
  if (!match) return null;
  const [days, hours, minutes, seconds, millis] = [1, 2, 3, 4, 5].map((group) =>
    Number(match[group] ?? match[group + 5] ?? 0),
  );
  const parts = [days, hours, minutes, seconds, match[5] === undefined ? 0 : millis];
  const total = units.reduce((sum, [, size], place) => sum + (parts[place] ?? 0) * size, 0);
  return total <= longest ? total : null;
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
