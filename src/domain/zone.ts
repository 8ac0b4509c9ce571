/** Time zones as stretches of constant offset, found by asking Intl and remembered per year. */

/** From `start` (inclusive) to `end` (exclusive), in epoch milliseconds, local time is UTC plus `offset` milliseconds. */
export type Stretch = { start: number; end: number; offset: number };

export type Zone = {
  /** The stretch that an instant lies in; at a year's end it is cut, though the offset may go on. */
  at(instant: number): Stretch;
};

const dayMs = 86_400_000;
/** Offsets are compared this far apart: no zone changes its offset and changes it back within so short a time. */
const probeMs = 4 * dayMs;
const yearsKept = 64;

/** The zone of this IANA name, or null when there is none. */
export function openZone(name: string): Zone | null {
  const offsetAt = offsetsOf(name);
  return offsetAt && zoneOf(offsetAt);
}

function zoneOf(offsetAt: (instant: number) => number): Zone {
  const years = new Map<number, Stretch[]>();

  function stretchesOf(year: number): Stretch[] {
    const start = Date.UTC(year, 0);
    const end = Date.UTC(year + 1, 0);
    const stretches: Stretch[] = [];
    let from = start;
    for (let probe = start; probe < end; probe += probeMs) {
      const next = Math.min(probe + probeMs, end - 1);
      const offset = offsetAt(probe);
      if (offsetAt(next) === offset) continue;
      const change = firstOtherThan(offset, probe, next);
      stretches.push({ start: from, end: change, offset });
      from = change;
    }
    stretches.push({ start: from, end, offset: offsetAt(end - 1) });
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
      const year = new Date(instant).getUTCFullYear();
      let stretches = years.get(year);
      if (stretches === undefined) {
        if (years.size >= yearsKept) years.clear();
        stretches = stretchesOf(year);
        years.set(year, stretches);
      }
      return stretches.find((stretch) => instant < stretch.end) as Stretch;
    },
  };
}

/** The offset in milliseconds at an instant, or null where Intl does not know the zone. */
function offsetsOf(name: string): ((instant: number) => number) | null {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return null;
  }
  return (instant) => {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (
      format.format(instant).match(/\d+/g) ?? []
    ).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1_000) * 1_000;
  };
}
