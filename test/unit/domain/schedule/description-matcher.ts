/** Reads a description of a cron pattern as a person would, and says at which instants it claims to fire. */

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  ...['', 'January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
const nths = ['', 'first', 'second', 'third', 'fourth', 'fifth'];

type Matches = (date: Date) => boolean;

/**
 * Whether the sentence (of a schedule in UTC) claims an instant in epoch milliseconds. Throws where it is not
 * understood.
 */
export function matcherOf(sentence: string): (instant: number) => boolean {
  const clauses = sentence.split(/, (?=(?:on|in|or on|and only if)\b)/);
  const times = timesIn(clauses.shift() as string);
  const inDays: { text: string; is: Matches }[] = [];
  const rest: Matches[] = [];
  for (const clause of clauses) {
    const [, kind = '', text = ''] = /^(on|in|or on|and only if that day is) (.*)$/.exec(clause) ?? [];
    if (kind === '') throw new Error(clause);
    if (kind === 'in') rest.push(/\d/.test(text) ? yearsIn(text) : monthsIn(text));
    else inDays.push({ text: kind, is: daysIn(text) });
  }
  const [first, second] = inDays;
  const day: Matches = (date) => {
    if (!first) return true;
    if (!second) return first.is(date);
    return second.text === 'or on' ? first.is(date) || second.is(date) : first.is(date) && second.is(date);
  };
  return (instant) => {
    const date = new Date(instant);
    return instant % 1_000 === 0 && times(date) && day(date) && rest.every((is) => is(date));
  };
}

function timesIn(text: string): Matches {
  const [h, m, s] = [
    (date: Date) => date.getUTCHours(),
    (date: Date) => date.getUTCMinutes(),
    (date: Date) => date.getUTCSeconds(),
  ];
  if (/^At \d\d:/.test(text)) {
    const times = new Set(itemsIn(text.slice(3)).map((time) => (time.length === 5 ? `${time}:00` : time)));
    return (date) => times.has(date.toISOString().slice(11, 19));
  }
  const parts = text.split(' of ');
  const every = /^Every (?:(\d+) )?(second|minute|hour)s?$/.exec(parts[0] as string);
  const of = (read: (date: Date) => number, unit: string, phrase: string | undefined): Matches => {
    if (phrase === undefined || phrase === `every ${unit}`) return () => true;
    const is = numbersIn(phrase.replace(/^At /, ''), unit);
    return (date) => is(read(date));
  };
  const unit = every?.[2] ?? /^At (?:every \w+ )?(second|minute|hour)/.exec(parts[0] as string)?.[1];
  const step = Number(every?.[1] ?? 1);
  const head = (read: (date: Date) => number): Matches =>
    every ? (date) => read(date) % step === 0 : of(read, unit as string, parts[0]);
  if (unit === 'second') {
    const [seconds, minutes, hours] = [head(s), of(m, 'minute', parts[1]), of(h, 'hour', parts[2])];
    return (date) => seconds(date) && minutes(date) && hours(date);
  }
  if (unit === 'minute') {
    const [minutes, hours] = [head(m), of(h, 'hour', parts[1])];
    return (date) => s(date) === 0 && minutes(date) && hours(date);
  }
  if (unit === 'hour' && parts.length === 1) {
    const hours = head(h);
    return (date) => s(date) === 0 && m(date) === 0 && hours(date);
  }
  throw new Error(text);
}

const itemsIn = (text: string) => text.split(/, | and /);

/** `minute 5`, `minutes 0 through 4 and 30`, `every 7th minute from 0 to 56`. */
function numbersIn(text: string, unit: string): (value: number) => boolean {
  const [, nth, from, to] = new RegExp(`^every (\\d+)\\w+ ${unit} from (\\d+) to (\\d+)$`).exec(text) ?? [];
  if (nth !== undefined)
    return (value) => value >= Number(from) && value <= Number(to) && (value - Number(from)) % Number(nth) === 0;
  const [, list] = new RegExp(`^${unit}s? (\\d.*)$`).exec(text) ?? [];
  if (list === undefined) throw new Error(text);
  return inRanges(itemsIn(list).map((item) => item.split(' through ').map(Number)));
}

const inRanges =
  (ranges: number[][]) =>
  (value: number): boolean =>
    ranges.some(([from = 0, to = from]) => value >= from && value <= to);

function monthsIn(text: string): Matches {
  const is = inRanges(itemsIn(text).map((item) => item.split(' through ').map((name) => months.indexOf(name))));
  return (date) => is(date.getUTCMonth() + 1);
}

function yearsIn(text: string): Matches {
  const items = itemsIn(text).map((item): ((year: number) => boolean) => {
    const [, divisor] = /^years divisible by (\d+)$/.exec(item) ?? [];
    if (divisor !== undefined) return (year) => year % Number(divisor) === 0;
    return item.startsWith('every') ? numbersIn(item, 'year') : inRanges([item.split(' through ').map(Number)]);
  });
  return (date) => items.some((is) => is(date.getUTCFullYear()));
}

function daysIn(text: string): Matches {
  // Lists of numbers belong to the days before "of the month", which ends each piece that has it.
  const pieces = text.match(
    /(?:the [^,]*? of the month|days? [\d, andthroug]+ of the month|every \S+ day from \d+ to \d+ of the month|any day of the week|\w+day(?: through \w+day)?)/g,
  );
  if (pieces === null || pieces.join('').length < text.replace(/, | and /g, '').length - 30) throw new Error(text);
  const all = pieces.map(dayIn);
  return (date) => all.some((is) => is(date));
}

function dayIn(piece: string): Matches {
  const lastOf = (date: Date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0));
  const weekdayOf = (date: Date, day: number) =>
    new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), day)).getUTCDay();
  const isWorking = (date: Date, day: number) => weekdayOf(date, day) % 6 !== 0;
  if (piece === 'any day of the week') return () => true;
  if (piece === 'the last day of the month') return (date) => date.getUTCDate() === lastOf(date).getUTCDate();
  if (piece === 'the last working day of the month')
    return (date) => {
      let day = lastOf(date).getUTCDate();
      while (!isWorking(date, day)) day--;
      return date.getUTCDate() === day;
    };
  const [, before] = /^the day (\d+) before the last day/.exec(piece) ?? [];
  if (before !== undefined) return (date) => date.getUTCDate() === lastOf(date).getUTCDate() - Number(before);
  const [, near] = /^the working day nearest to day (\d+)/.exec(piece) ?? [];
  if (near !== undefined)
    return (date) => {
      const last = lastOf(date).getUTCDate();
      if (Number(near) > last) return false;
      const candidates = [0, -1, 1, -2, 2].map((away) => Number(near) + away);
      return date.getUTCDate() === candidates.find((day) => day >= 1 && day <= last && isWorking(date, day));
    };
  const [, nth = '', name = ''] = /^the (\w+) (\w+day) of the month$/.exec(piece) ?? [];
  if (name !== '')
    return (date) => {
      if (date.getUTCDay() !== days.indexOf(name)) return false;
      if (nth === 'last') return date.getUTCDate() > lastOf(date).getUTCDate() - 7;
      return Math.ceil(date.getUTCDate() / 7) === nths.indexOf(nth);
    };
  if (piece.endsWith(' of the month')) {
    const is = numbersIn(piece.replace(/ of the month$/, ''), 'day');
    return (date) => is(date.getUTCDate());
  }
  const [from = 0, to = from] = piece.split(' through ').map((day) => (days.indexOf(day) + 6) % 7);
  return (date) => inRanges([[from, to]])((date.getUTCDay() + 6) % 7);
}
