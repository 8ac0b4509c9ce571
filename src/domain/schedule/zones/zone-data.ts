/** Versions of the time zone data (`2025c`), as IANA names them. */

/**
 * Below 0 where `a` is older than `b`, above where it is newer. An unknown version counts as older than every known
 * one.
 */
export function compareZoneData(a: string | null, b: string | null): number {
  const [x, y] = [partsOf(a), partsOf(b)];
  // After the letter z comes za.
  return (
    x.year - y.year ||
    x.letters.length - y.letters.length ||
    (x.letters < y.letters ? -1 : Number(x.letters > y.letters))
  );
}

function partsOf(version: string | null): { year: number; letters: string } {
  const [, year, letters = ''] = /^(\d{4})([a-z]*)/.exec(version ?? '') ?? [];
  return { year: Number(year ?? 0), letters };
}

/** The newest of these; null where none is known. */
export function newestZoneData(versions: readonly (string | null)[]): string | null {
  return versions.reduce((newest, each) => (compareZoneData(each, newest) > 0 ? each : newest), null);
}
