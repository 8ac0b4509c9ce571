/** Time zones as stretches of constant offset, found by asking Intl and remembered piece by piece. */

import { nearest } from '../../input/nearest.ts';

/** Until `end` (epoch milliseconds, exclusive) local time is UTC plus `offset` milliseconds. */
export type Stretch = { end: number; offset: number };

export type Zone = {
  /** The stretch that an instant lies in; it may be cut where the offset goes on. */
  at(instant: number): Stretch;
};

const dayMs = 86_400_000;
/** Offsets are compared this far apart: no zone changes its offset and changes it back within so short a time. */
const probeMs = 4 * dayMs;
/** How much is read from Intl at once. It is little, because a rare schedule needs one day of a year. */
const pieceMs = 24 * probeMs;
const piecesKept = 256;

/** The three-letter names that are IANA's; ICU knows more, and reads `IST` as India and `BST` as Bangladesh. */
const threeLetters = /^(?:UTC|GMT|UCT|EST|MST|HST|CET|MET|EET|WET|PRC|ROC|ROK)$/i;

/** The canonical name for an IANA name, or null when there is no such zone. Never throws. */
export function zoneNamed(name: string): string | null {
  if (!/^[A-Za-z][\w+/-]*$/.test(name) || /^SystemV\//i.test(name)) return null;
  if (/^[A-Za-z]{3}$/.test(name) && !threeLetters.test(name)) return null;
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return null;
  }
}

/** Whether a canonical or given name stands for UTC or a fixed offset, whose meaning no zone data can change. */
export function isFixedOffset(name: string): boolean {
  return /^(?:(?:Etc\/)?(?:UTC|UCT|GMT(?:[+-]?0)?|Universal|Zulu|Greenwich)|Etc\/GMT[+-]\d{1,2})$/i.test(name);
}

/** The message about a name of no zone: it proposes a known zone with nearly the same name, or the last part of one. */
export function unknownZone(name: string): string {
  const sentence = `"${name}" is not a time zone that this system knows`;
  const [, sign, hours] = /^(?:UTC|GMT)?([+-])0?(\d{1,2})(?::?00)?$/i.exec(name) ?? [];
  // POSIX counts hours to the west.
  const offset = sign === undefined ? null : `Etc/GMT${sign === '+' ? '-' : '+'}${hours}`;
  if (offset !== null && zoneNamed(offset) !== null)
    return `${sentence}; ${hours} hours ${sign === '+' ? 'ahead of' : 'behind'} UTC is "${offset}", with the sign turned round`;
  const known = Intl.supportedValuesOf('timeZone');
  const place = (zone: string) => zone.slice(zone.lastIndexOf('/') + 1);
  const plain = name.replace(/ /g, '_').toLowerCase();
  const found =
    known.find((zone) => zone.toLowerCase() === plain || place(zone).toLowerCase() === plain) ??
    nearest(name.replace(/ /g, '_'), known) ??
    (plain.includes('/') ? null : nearest(plain, known.map(place), known));
  return found === null ? `${sentence}, such as "Europe/Berlin"` : `${sentence}; did you mean "${found}"?`;
}

/** The zone of a name that `zoneNamed` gave. */
export function openZone(name: string): Zone {
  const offsetAt = offsetsOf(name);
  const pieces = new Map<number, Stretch[]>();

  function stretchesOf(piece: number): Stretch[] {
    const start = piece * pieceMs;
    const end = start + pieceMs;
    const stretches: Stretch[] = [];
    let offset = offsetAt(start);
    for (let probe = start; probe < end - 1; ) {
      const next = Math.min(probe + probeMs, end - 1);
      const following = offsetAt(next);
      if (following !== offset) {
        const change = firstOtherThan(offset, probe, next);
        stretches.push({ end: change, offset });
        offset = following;
      }
      probe = next;
    }
    stretches.push({ end, offset });
    return stretches;
  }

  /** The first whole second in (low, high] at which the offset is another. */
  function firstOtherThan(offset: number, low: number, high: number): number {
    let [before, after] = [Math.floor(low / 1_000), Math.ceil(high / 1_000)];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offsetAt(middle * 1_000) === offset) before = middle;
      else after = middle;
    }
    return after * 1_000;
  }

  return {
    at(instant) {
      const piece = Math.floor(instant / pieceMs);
      let stretches = pieces.get(piece);
      if (stretches === undefined) {
        if (pieces.size >= piecesKept) pieces.clear();
        stretches = stretchesOf(piece);
        pieces.set(piece, stretches);
      }
      return stretches.find((stretch) => instant < stretch.end) as Stretch;
    },
  };
}

/** The offset in milliseconds at an instant of the common era. */
function offsetsOf(name: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (instant) => {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (
      format.format(instant).match(/\d+/g) ?? []
    ).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1_000) * 1_000;
  };
}
