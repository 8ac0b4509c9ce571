/** Warns of cron patterns that are valid but probably not meant. */

import { formatInstant } from '../../input/instant.ts';
import type { Warn, WarningCode } from '../../input/warning.ts';
import type { CompiledCron } from '../calendar.ts';
import { day, month, sizeOf, year } from './fields.ts';
import { type CronPart, type CronParts, partsOf, type RangeItem, valuesOf } from './parts.ts';

const dayMs = 86_400_000;
const yearMs = 367 * dayMs;

/** `first` is the pattern's next instant after `now`, both in epoch milliseconds. */
export function adviseOnCron(
  { cron, timezone }: { cron: string; timezone: string },
  compiled: CompiledCron,
  first: number,
  { now, warn }: { now: number; warn: Warn },
): void {
  const advise = (code: WarningCode, detail: string) => warn(code, '#/schedule/cron', detail);
  const parts = partsOf(cron);
  adviseOnSteps(parts, advise);
  adviseOnTimes(parts, advise);
  adviseOnDays(cron, parts, advise);
  if (parts.year.any) {
    const second = compiled.next(first);
    if (first - now > yearMs) advise('rare', `it fires at ${formatInstant(first)} for the first time`);
    else if (second !== null && second - first > yearMs)
      advise('rare', `after ${formatInstant(first)} it fires at ${formatInstant(second)} only`);
  }
  // A pattern of every hour fires again an hour later, so no warning is needed.
  const change = parts.hour.text.startsWith('*') ? null : compiled.leftOut(now, now + yearMs);
  if (change !== null) {
    const fate = parts.minute.text.startsWith('*') ? 'does not fire' : 'fires at that instant, once';
    const when = formatInstant(change);
    advise(
      'clock_change',
      `in ${timezone} the clock goes forward at ${when}: what falls into the time left out ${fate}`,
    );
  }
}

type Advise = (code: WarningCode, detail: string) => void;

function adviseOnSteps(parts: CronParts, advise: Advise): void {
  const { second, minute, hour, days, month: months, weekdays } = parts;
  for (const part of [second, minute, hour, days, months, weekdays])
    for (const range of part.ranges) {
      const size = sizeOf(part.field);
      if (range.step < 2) continue;
      const values = valuesOf({ ...part, ranges: [range] });
      if (values.length > 1 && !goesRound(range, part)) continue;
      const shown = values.length > 6 ? `${values.slice(0, 3).join(', ')}, …, ${values.at(-1)}` : values.join(', ');
      if (values.length === 1)
        advise('single_step', `${part.field.name}: a step of ${range.step} matches ${shown} alone`);
      else if (size % range.step !== 0)
        advise(
          'uneven_step',
          `${part.field.name}: a step of ${range.step} matches ${shown}, and then begins again at ${values[0]}`,
        );
    }
}

/** Whether a stepped range means all of its field: it begins within its first step and goes on to the end. */
function goesRound({ from, to, step, open }: RangeItem, { field }: CronPart): boolean {
  if (field === year) return false;
  return open || (from < to && from - field.least < step && to === field.least + sizeOf(field) - 1);
}

function adviseOnTimes({ second, minute, hour, withSeconds }: CronParts, advise: Advise): void {
  if (withSeconds && second.any)
    advise('every_second', 'second: "*" is every second; six fields begin with the second, not with the minute');
  else if (minute.any && !hour.any && hour.ranges.every(({ from, to }) => from === to))
    advise('every_minute', `minute: "*" is every minute of the hour ${hour.text}; "0" is its beginning`);
}

function adviseOnDays(cron: string, { days, month: months, weekdays, withSeconds }: CronParts, advise: Advise): void {
  const either = !/^[*?]/.test(days.text) && !/^[*?+]/.test(weekdays.text);
  if (either) {
    const place = cron.split(' ').length === 5 ? 4 : 5;
    const both = cron
      .split(' ')
      .map((part, index) => (index === place ? `+${part}` : part))
      .join(' ');
    advise('either_day', `a day fires that matches either day field; for days that match both write "${both}"`);
  }
  if (withSeconds && days.text === '?' && /(?:^|[+,-])[0-7]/.test(weekdays.text))
    advise(
      'quartz_weekday',
      `day of week: "${weekdays.text}" counts from 0 = Sunday; in Quartz 1 is Sunday, so names are safer`,
    );
  const listed = valuesOf(days);
  if (!weekdays.any || days.specials.length > 0 || listed.length === 0) return;
  const least = listed[0] as number;
  const short = valuesOf(months).filter((value) => longestOf(value) < least);
  if (short.length > 0)
    advise(
      'short_months',
      `${day.name}: ${short.map((value) => month.names?.[value - 1]).join(', ')} have no day ${least}; "L" is the last day`,
    );
}

/** The most days that a month has. */
const longestOf = (value: number) => new Date(Date.UTC(2024, value, 0)).getUTCDate();
