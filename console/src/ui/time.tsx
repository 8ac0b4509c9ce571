/** Instants and durations as people read them. An instant shows its zone; hovering shows it in UTC. */

import { useEffect, useState } from 'react';

/** The time zone of this browser. */
export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  const made =
    formatters.get(zone) ??
    new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone: zone, year: 'numeric', month: 'short', day: '2-digit', weekday: 'short' },
      ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23', timeZoneName: 'short' },
    });
  formatters.set(zone, made);
  return made;
}

type Parts = Partial<Record<Intl.DateTimeFormatPartTypes, string>>;

function partsOf(at: number, zone: string): Parts {
  return Object.fromEntries(
    formatterOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
}

/** Such as `2026-12-01 09:00:00.000 UTC`. */
export function utcText(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 23)} UTC`;
}

/** Such as `09:00:00 CET`, with the day before it where that is not today there. */
export function zonedText(instant: string, zone: string, now: number): string {
  const at = Date.parse(instant);
  const { hour, minute, second, weekday, day, month, year, timeZoneName } = partsOf(at, zone);
  const today = partsOf(now, zone);
  const time = `${hour}:${minute}:${second} ${timeZoneName}`;
  if (day === today.day && month === today.month && year === today.year) return time;
  return `${weekday} ${day} ${month}${year === today.year ? '' : ` ${year}`}, ${time}`;
}

/** An instant in `zone`, this browser's own unless given. */
export function Time({ at, zone = ownZone }: { at: string | null | undefined; zone?: string }) {
  const now = useNow(60_000);
  if (!at) return <>–</>;
  return (
    <time dateTime={at} title={utcText(at)}>
      {zonedText(at, zone, now)}
    </time>
  );
}

/** How far away an instant is, such as `in 5 min` or `3 h ago`. Goes on by itself. */
export function Ago({ at }: { at: string | null | undefined }) {
  const now = useNow(1_000);
  if (!at) return <>–</>;
  const away = Date.parse(at) - now;
  const text = spanText(Math.abs(away));
  return (
    <time dateTime={at} title={utcText(at)}>
      {away > 0 ? `in ${text}` : `${text} ago`}
    </time>
  );
}

const units: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** A span in its greatest unit, such as `5 min`; below a second in milliseconds. */
function spanText(ms: number): string {
  for (const [length, name] of units) if (ms >= length) return `${Math.floor(ms / length)} ${name}`;
  return '0 s';
}

/** A measured time, such as `87 ms`, `1.24 s` or `12 min 3 s`. */
export function durationText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** The time now in epoch milliseconds, anew every `everyMs`. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}
