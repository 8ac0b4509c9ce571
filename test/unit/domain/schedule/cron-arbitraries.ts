/** Random valid cron patterns, zones and instants near changes of the clock, for property tests. */

import fc from 'fast-check';
import { zoneTable } from '../../oracle/zone-table.ts';

const months = ['JAN', 'Feb', 'mar', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const weekdays = ['SUN', 'Mon', 'tue', 'WED', 'THU', 'FRI', 'SAT'];

/** Zones with gaps and overlaps of half an hour to a whole day, at midnight, on both hemispheres, and without any. */
export const zones = [
  'UTC',
  'Europe/Berlin',
  'Europe/Dublin',
  'America/New_York',
  'America/Nuuk',
  'America/Santiago',
  'America/St_Johns',
  'Africa/Casablanca',
  'Africa/Cairo',
  'Antarctica/Casey',
  'Antarctica/Troll',
  'Antarctica/Vostok',
  'Asia/Beirut',
  'Asia/Gaza',
  'Asia/Kathmandu',
  'Asia/Tehran',
  'Atlantic/Azores',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
];

const within = (least: number, most: number) => fc.integer({ min: least, max: most });

/** One item of a list: a value, a range or a stepped range, perhaps with names in place of numbers. */
function item(least: number, most: number, names: string[] = []): fc.Arbitrary<string> {
  const named = (value: number) => names[value - least] ?? String(value);
  const value = fc.tuple(within(least, most), fc.boolean()).map(([v, name]) => (name ? named(v) : String(v)));
  const range = fc
    .tuple(within(least, most), within(least, most), within(1, Math.min(30, most - least)), fc.boolean())
    .map(([a, b, step, stepped]) => `${Math.min(a, b)}-${Math.max(a, b)}${stepped ? `/${step}` : ''}`);
  return fc.oneof({ weight: 3, arbitrary: value }, range);
}

function field(star: number, items: fc.Arbitrary<string>, mostStep: number): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: star, arbitrary: fc.constant('*') },
    { weight: 1, arbitrary: within(1, mostStep).map((step) => `*/${step}`) },
    { weight: 3, arbitrary: fc.array(items, { minLength: 1, maxLength: 3 }).map((list) => list.join(',')) },
  );
}

/** Early hours come more often: that is where clocks change. */
const hourItem = fc.oneof(item(0, 3), item(0, 23), fc.constant('23'));
const dayItem = fc.oneof(
  { weight: 6, arbitrary: item(1, 31) },
  { weight: 1, arbitrary: fc.constant('L') },
  { weight: 1, arbitrary: within(1, 31).map((day) => `${day}W`) },
);
const weekdayItem = fc.oneof(
  { weight: 6, arbitrary: item(0, 6, weekdays) },
  { weight: 1, arbitrary: fc.constantFrom('7', '5-7', '0-7', '1-7/2', 'MON-fri', 'SUN-Tue', 'tue-SAT/2') },
  { weight: 1, arbitrary: fc.tuple(within(0, 7), within(1, 5)).map(([day, nth]) => `${day}#${nth}`) },
  { weight: 1, arbitrary: fc.constantFrom('5L', 'FRIL', '0L', '7L', 'mon#1', 'SUN#5') },
);

const minuteField = field(3, item(0, 59), 60);
const hourField = field(3, hourItem, 24);
const dayField = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('*', '?') },
  { weight: 1, arbitrary: fc.constant('LW') },
  field(2, dayItem, 31),
);
const monthField = fc.oneof(
  { weight: 3, arbitrary: fc.constant('*') },
  field(4, fc.oneof(item(1, 12, months), fc.constantFrom('JAN-mar', 'Apr-DEC/3')), 12),
);
const weekdayField = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('*', '?') },
  field(2, weekdayItem, 7),
  fc.array(weekdayItem, { minLength: 1, maxLength: 2 }).map((list) => `+${list.join(',')}`),
);

const fiveFields = fc
  .tuple(minuteField, hourField, dayField, monthField, weekdayField)
  .map((fields) => fields.join(' '));
const sixFields = fc.tuple(field(1, item(0, 59), 60), fiveFields).map((fields) => fields.join(' '));
const sevenFields = fc
  .tuple(sixFields, fc.oneof(fc.constantFrom('*', '*/4', '2024-2030', '1990-2040/3', '2026,2028'), item(1970, 2040)))
  .map((fields) => fields.join(' '));

export const cronPattern: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fiveFields },
  { weight: 2, arbitrary: sixFields },
  { weight: 1, arbitrary: sevenFields },
  { weight: 1, arbitrary: fc.constantFrom('@yearly', '@monthly', '@weekly', '@daily', '@hourly') },
);

const day = 86_400_000;

/** A zone, and an instant (epoch ms) within two days of one of its changes of the clock if it has any that year. */
export const zoneAndInstant: fc.Arbitrary<{ timezone: string; from: number }> = fc
  .record({
    timezone: fc.constantFrom(...zones),
    year: fc.oneof(within(2023, 2030), fc.constantFrom(1994, 1995, 2011, 2018)),
    pick: fc.nat(),
    away: within(-2 * day, day),
  })
  .map(({ timezone, year, pick, away }) => {
    const changes = zoneTable(timezone, Date.UTC(year, 0), Date.UTC(year + 1, 0)).slice(1);
    const change = changes[pick % Math.max(changes.length, 1)]?.start;
    return { timezone, from: change === undefined ? Date.UTC(year, pick % 12, 1 + (pick % 28)) + away : change + away };
  });
