/** The marks of a time axis, at full hours and days of a time zone, also where its clock is put forward or back. */

import type { Stretch } from './range.ts';

export type Tick = { at: number; label: string; isDay: boolean };

const minuteMs = 60_000;
/** The distance of the marks of each range, in minutes of the day. */
const steps: Record<Stretch['range'], number> = { hour: 10, '6h': 60, day: 180, week: 1_440 };

/** The marks within the stretch, in `zone`. Every time zone of today is a multiple of five minutes away from UTC. */
export function ticksOf({ range, from, to }: Stretch, zone: string): Tick[] {
  const clock = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    ...{ weekday: 'short', day: '2-digit', month: 'short' },
  });
  const pace = (range === 'hour' || range === '6h' ? 5 : 15) * minuteMs;
  const ticks: Tick[] = [];
  for (let at = Math.ceil(from / pace) * pace; at < to; at += pace) {
    const parts = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, value]));
    const minute = Number(parts.hour) * 60 + Number(parts.minute);
    if (minute % steps[range] !== 0) continue;
    const isDay = minute === 0;
    ticks.push({
      at,
      isDay,
      label: isDay ? `${parts.weekday} ${parts.day} ${parts.month}` : `${parts.hour}:${parts.minute}`,
    });
  }
  return ticks;
}
