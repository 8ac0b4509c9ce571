/** Reads a valid cron pattern for the oracle: which wall-clock values match. Not croner, nothing of src. */

export type WallMatcher = {
  /** Vixie: the hour or minute field starts with `*`, so the pattern follows real time through DST changes. */
  wild: boolean;
  day(year: number, month: number, day: number): boolean;
  hour(hour: number): boolean;
  minute(minute: number): boolean;
  seconds: number[];
};

const nicknames: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const months = ['', 'JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

export function readFields(cron: string): WallMatcher {
  const parts = (nicknames[cron.trim()] ?? cron).trim().split(/[ \t]+/);
  if (parts.length === 5) parts.unshift('0');
  if (parts.length === 6) parts.push('*');
  const [second = '', minute = '', hour = '', dom = '', month = '', dow = '', year = ''] = parts;
  const secondOf = numbers(second, 0, 59);
  const minuteOf = numbers(minute, 0, 59);
  const hourOf = numbers(hour, 0, 23);
  const monthOf = numbers(month, 1, 12, months);
  const yearOf = numbers(year, 0, 9999);
  const daysOf = dom.split(',').map(dayItem);
  const weekdaysOf = dow.replace('+', '').split(',').map(weekdayItem);
  // Vixie: either day field will do, unless one begins with an asterisk; a plus sign demands both.
  const both = /^[*?+]/.test(dow) || /^[*?]/.test(dom);
  return {
    wild: minute.startsWith('*') || hour.startsWith('*'),
    day(y, m, d) {
      if (!yearOf(y) || !monthOf(m)) return false;
      const inMonth = daysOf.some((matches) => matches(y, m, d));
      const inWeek = weekdaysOf.some((matches) => matches(y, m, d));
      return both ? inMonth && inWeek : inMonth || inWeek;
    },
    hour: hourOf,
    minute: minuteOf,
    seconds: Array.from({ length: 60 }, (_, index) => index).filter(secondOf),
  };
}

const lengthOf = (y: number, m: number) => new Date(Date.UTC(y, m, 0)).getUTCDate();
const weekdayOf = (y: number, m: number, d: number) => new Date(Date.UTC(y, m - 1, d)).getUTCDay();
const isWorkday = (y: number, m: number, d: number) => weekdayOf(y, m, d) % 6 !== 0;

type DayMatcher = (y: number, m: number, d: number) => boolean;

function dayItem(item: string): DayMatcher {
  if (item === 'L') return (y, m, d) => d === lengthOf(y, m);
  if (item === 'LW')
    return (y, m, d) => {
      let day = lengthOf(y, m);
      while (!isWorkday(y, m, day)) day--;
      return d === day;
    };
  if (item.endsWith('W')) {
    const wanted = Number.parseInt(item, 10);
    return (y, m, d) => {
      if (wanted > lengthOf(y, m)) return false;
      // The nearest workday in the month; a tie cannot happen, for the weekend is two days long.
      for (const step of [0, -1, 1, -2, 2]) {
        const day = wanted + step;
        if (day >= 1 && day <= lengthOf(y, m) && isWorkday(y, m, day)) return d === day;
      }
      return false;
    };
  }
  const matches = numbers(item.replace('?', '*'), 1, 31);
  return (_y, _m, d) => matches(d);
}

function weekdayItem(item: string): DayMatcher {
  const special = /^(\w+?)(L|#(\d))$/.exec(item);
  if (special) {
    const wanted = numberOf(special[1] ?? '', weekdays) % 7;
    const nth = Number(special[3]);
    return (y, m, d) =>
      weekdayOf(y, m, d) === wanted && (special[3] ? Math.ceil(d / 7) === nth : d + 7 > lengthOf(y, m));
  }
  const matches = numbers(item.replace('?', '*'), 0, 7, weekdays);
  // `*` and its steps run over 0 … 6: Sunday is one day of the seven, not two.
  const isSunday = (day: number) => day === 0 && !item.startsWith('*') && matches(7);
  return (y, m, d) => matches(weekdayOf(y, m, d)) || isSunday(weekdayOf(y, m, d));
}

/** Numbers, names, ranges, steps and lists of one field as a test. */
function numbers(field: string, least: number, most: number, names: string[] = []): (value: number) => boolean {
  const values = new Set<number>();
  for (const item of field.split(',')) {
    const [range = '', step = '1'] = item.split('/');
    const [low = '', high = low] = range.split('-');
    const from = range === '*' ? least : numberOf(low, names);
    const to = range === '*' ? most : numberOf(high, names);
    for (let value = from; value <= to; value += Number(step)) values.add(value);
  }
  return (value) => values.has(value);
}

function numberOf(text: string, names: string[]): number {
  const index = names.indexOf(text.toUpperCase());
  return index >= 0 ? index : Number(text);
}
