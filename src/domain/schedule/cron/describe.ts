/** Says in English when a cron pattern fires. Every word is made from the values that match. */

import { dayNames } from './fields.ts';
import { type CronPart, partsOf, valuesOf } from './parts.ts';

const weekdayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const monthNames = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
const nths = ['', 'first', 'second', 'third', 'fourth', 'fifth'];

/** More times of day than this are told by their minutes and hours. */
const mostTimes = 6;
/** More values than this are told as a step, where they are at equal distances. */
const mostListed = 4;

/** One sentence without a full stop, for a pattern that `readCron` accepts. */
export function describeCron(cron: string): string {
  const { second, minute, hour, days, month, weekdays, year } = partsOf(cron);
  return [
    timesOf(valuesOf(second), valuesOf(minute), valuesOf(hour)),
    daysOf(days, weekdays),
    month.any ? '' : `in ${listed(valuesOf(month), (value) => monthNames[value - 1] as string)}`,
    year.any ? '' : `in ${yearsOf(year)}`,
  ]
    .filter((clause) => clause !== '')
    .join(', ');
}

function timesOf(seconds: number[], minutes: number[], hours: number[]): string {
  const onTheMinute = seconds.length === 1 && seconds[0] === 0;
  if (seconds.length * minutes.length * hours.length <= mostTimes) {
    const times = hours.flatMap((hour) =>
      minutes.flatMap((minute) =>
        seconds.map((second) => (onTheMinute ? [hour, minute] : [hour, minute, second]).map(twoDigits).join(':')),
      ),
    );
    return `At ${and(times)}`;
  }
  const ofHours = hours.length === 24 ? 'every hour' : counted('hour', hours);
  if (!onTheMinute) {
    const every = everyOf('second', seconds, 60);
    if (every !== null && minutes.length === 60 && hours.length === 24) return every;
    const ofMinutes = minutes.length === 60 ? 'every minute' : counted('minute', minutes);
    return `${every ?? `At ${counted('second', seconds)}`} of ${ofMinutes} of ${ofHours}`;
  }
  if (hours.length === 24) {
    if (minutes.length === 1 && minutes[0] === 0) return 'Every hour';
    return everyOf('minute', minutes, 60) ?? `At ${counted('minute', minutes)} of every hour`;
  }
  const everyHours = minutes.length === 1 && minutes[0] === 0 ? everyOf('hour', hours, 24) : null;
  if (everyHours !== null) return everyHours;
  return `${minutes.length === 60 ? 'Every minute' : `At ${counted('minute', minutes)}`} of ${ofHours}`;
}

/** `Every 5 minutes`, where it is five minutes from each to the next, from one hour to the next too; null where not. */
function everyOf(unit: string, values: readonly number[], size: number): string | null {
  const step = distanceOf(values);
  if (values[0] !== 0 || step === null || values.length * step !== size) return null;
  return step === 1 ? `Every ${unit}` : `Every ${step} ${unit}s`;
}

/** `minute 5`, `minutes 0 and 30`, `every 7th minute from 0 to 56`. */
function counted(unit: string, values: readonly number[]): string {
  const step = distanceOf(values);
  if (step !== null && step > 1 && values.length > mostListed)
    return `every ${ordinal(step)} ${unit} from ${values[0]} to ${values.at(-1)}`;
  return `${unit}${values.length > 1 ? 's' : ''} ${listed(values, String)}`;
}

function daysOf(days: CronPart, weekdays: CronPart): string {
  if (days.any && weekdays.any) return '';
  if (days.any) return `on ${weekdaysOf(weekdays)}`;
  if (weekdays.any) return `on ${daysOfMonth(days)}`;
  // As in `readCron`.
  const both = /^[*?]/.test(days.text) || /^[*?+]/.test(weekdays.text);
  return both
    ? `on ${daysOfMonth(days)}, and only if that day is ${weekdaysOf(weekdays)}`
    : `on ${daysOfMonth(days)}, or on ${weekdaysOf(weekdays)}`;
}

function daysOfMonth(part: CronPart): string {
  const values = valuesOf(part);
  const plain = values.length === 0 ? [] : [`${counted('day', values)} of the month`];
  return and([...plain, ...part.specials.map(({ special }) => specialDay(special))]);
}

function specialDay(special: string): string {
  if (special === 'L') return 'the last day of the month';
  if (special === 'LW') return 'the last working day of the month';
  if (special.startsWith('L-')) return `the day ${special.slice(2)} before the last day of the month`;
  return `the working day nearest to day ${special.slice(0, -1)} of the month`;
}

function weekdaysOf(part: CronPart): string {
  const values = valuesOf(part);
  // "Saturday and Sunday" reads as if the week began on Monday.
  const inOrder = values.map((value) => (value + 6) % 7).sort((a, b) => a - b);
  const plain =
    values.length === 0
      ? []
      : [
          values.length === 7
            ? 'any day of the week'
            : listed(inOrder, (value) => weekdayNames[(value + 1) % 7] as string),
        ];
  return and([...plain, ...part.specials.map(({ special }) => specialWeekday(special))]);
}

function specialWeekday(special: string): string {
  const [, day = '', nth] = /^(.+?)(?:#(\d)|L)$/.exec(special) ?? [];
  const place = /^\d$/.test(day) ? Number(day) % 7 : dayNames.indexOf(day);
  return `the ${nth === undefined ? 'last' : nths[Number(nth)]} ${weekdayNames[place]} of the month`;
}

/** Years are as many as the field allows, so they are told by their ranges. */
function yearsOf({ ranges }: CronPart): string {
  return and(
    ranges.map(({ from, to, step, open }) => {
      if (from === to) return String(from);
      if (step === 1) return `${from} through ${to}`;
      return open ? `years divisible by ${step}` : `every ${ordinal(step)} year from ${from} to ${to}`;
    }),
  );
}

/** Values in order, three or more in a row as a range. */
function listed(values: readonly number[], shown: (value: number) => string): string {
  const runs: number[][] = [];
  for (const value of values) {
    const run = runs.at(-1);
    if (run?.at(-1) === value - 1) run.push(value);
    else runs.push([value]);
  }
  return and(
    runs.flatMap((run) =>
      run.length < 3 ? run.map(shown) : [`${shown(run[0] as number)} through ${shown(run.at(-1) as number)}`],
    ),
  );
}

/** The distance that all neighbours have; null where there are no two of them, or they have different ones. */
function distanceOf(values: readonly number[]): number | null {
  const [first, second] = values;
  if (first === undefined || second === undefined) return null;
  const step = second - first;
  return values.every((value, place) => value === first + place * step) ? step : null;
}

const and = (parts: readonly string[]) =>
  parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;

const twoDigits = (value: number) => String(value).padStart(2, '0');

function ordinal(value: number): string {
  const teen = value % 100 >= 11 && value % 100 <= 13;
  return `${value}${(!teen && ['th', 'st', 'nd', 'rd'][value % 10]) || 'th'}`;
}
