/** Explains why a text is no cron pattern, and proposes the pattern that was evidently meant. */

import { durationInWords, parseDuration } from '../../input/duration.ts';
import { parseInstant } from '../../input/instant.ts';
import { dayNames, longestCron, nicknames } from './fields.ts';
import { rewriteCron, withoutBlanks } from './rewrite.ts';
import { readCron } from './syntax.ts';

/** Longer texts are not examined. */
const longestLooked = 400;

/**
 * One sentence for a text that `readCron` refused with `fault`. It proposes a valid pattern where the meaning of the
 * text is evident. Otherwise it only names the fault.
 */
export function refusalOf(given: string, fault: string): string {
  const text = withoutBlanks(given.slice(0, longestLooked));
  if (text === '') return 'is empty: a pattern has five fields, such as "0 2 * * *"';
  const meant =
    meantByNickname(text) ?? meantByCall(text) ?? meantByDuration(text) ?? meantByWords(text) ?? meantByLine(text);
  if (meant !== null) return meant;
  const repaired = repairs.map((repair) => repair(text)).find((one) => one !== text && isCron(one));
  return repaired === undefined ? fault : `${fault}; write "${repaired}"`;
}

/** The same for a text that is too long to be one. */
export function refusalOfLong(given: string): string {
  return meantByLine(withoutBlanks(given.slice(0, longestLooked))) ?? `is too long: at most ${longestCron} characters`;
}

/** Whether the text is accepted as a pattern. */
export function isCron(text: string): boolean {
  const { cron, zone } = rewriteCron(text, { taskId: '', warn() {} });
  return zone === null && readCron(cron).ok;
}

const instead = (sentence: string, pattern: string) => (isCron(pattern) ? `${sentence}; write "${pattern}"` : sentence);
const asRate = (duration: string) => `a fixed rate is not cron; write {"every": "${duration}"}`;

/** Nicknames that others have, in the words of a pattern. */
const others: Record<string, string> = {
  '@minutely': '* * * * *',
  '@noon': '0 12 * * *',
  '@weekdays': '0 0 * * MON-FRI',
  '@weekdaily': '0 0 * * MON-FRI',
  '@weekends': '0 0 * * SAT,0',
  '@quarterly': '0 0 1 1,4,7,10 *',
};

function meantByNickname(text: string): string | null {
  if (!text.startsWith('@')) return null;
  const [name = '', ...rest] = text.split(' ');
  const small = name.toLowerCase();
  if (small === '@every') {
    const given = rest.join(' ');
    const duration = parseDuration(given) === null ? durationInWords(given) : given;
    return duration === null ? 'a fixed rate is not cron; it has a form of its own, "every"' : asRate(duration);
  }
  if (small === '@reboot') return '"@reboot" is no time: there is no start of a machine to run at';
  if (small in nicknames && rest.length > 0) return instead(`"${name}" stands alone, without "${rest[0]}"`, small);
  if (small in nicknames && small !== name) return instead(`"${name}" is not written in small letters`, small);
  const pattern = others[small];
  if (pattern !== undefined && rest.length === 0) return instead(`"${name}" is not known here`, pattern);
  return null;
}

/** `rate(5 minutes)`, `cron(0 12 * * ? *)` and `at(2026-12-01T09:00:00)`, as EventBridge writes them. */
function meantByCall(text: string): string | null {
  const [, name = '', inner = ''] = /^(rate|cron|at) ?\( ?(.*?) ?\)?$/i.exec(text) ?? [];
  switch (name.toLowerCase()) {
    case 'rate': {
      const duration = durationInWords(inner) ?? (parseDuration(inner) === null ? null : inner);
      return duration === null ? 'a fixed rate is not cron; it has a form of its own, "every"' : asRate(duration);
    }
    case 'at':
      return parseInstant(`${inner}Z`) === null
        ? 'a single time is not cron; it has a form of its own, "at"'
        : `a single time is not cron; write {"at": "${inner}Z"}`;
    case 'cron': {
      const sentence = 'the pattern stands without "cron(…)", and six fields begin with the second';
      return instead(sentence, withYearLast(inner) ?? inner);
    }
    default:
      return null;
  }
}

/** The pattern for six fields of EventBridge, which end with the year; null where there are not six. */
function withYearLast(text: string): string | null {
  const parts = text.split(' ');
  if (parts.length !== 6) return null;
  const [year, weekday = ''] = [parts.pop(), parts.pop()];
  // There days of the week are 1 to 7 from Sunday on.
  const named = weekday.replace(/(?<![#/\d])[1-7](?!\d)/g, (digit) => dayNames[Number(digit) - 1] as string);
  const five = [...parts, named].join(' ');
  return year === '*' ? five : `0 ${five} ${year}`;
}

function meantByDuration(text: string): string | null {
  const plain = text.replace(/^every /i, '');
  if (parseDuration(plain) !== null) return asRate(plain);
  const duration = /^(?:every )?\d/i.test(text) ? durationInWords(plain) : null;
  if (duration !== null) return asRate(duration);
  if (parseInstant(text) !== null) return `a single time is not cron; write {"at": "${text}"}`;
  return null;
}

const words = new Map(
  Object.entries({
    second: '* * * * * *',
    minute: '* * * * *',
    minutely: '* * * * *',
    hour: '@hourly',
    hourly: '@hourly',
    day: '@daily',
    daily: '@daily',
    night: '@daily',
    nightly: '@daily',
    midnight: '@daily',
    noon: '0 12 * * *',
    weekly: '@weekly',
    week: '@weekly',
    monthly: '@monthly',
    month: '@monthly',
    yearly: '@yearly',
    annually: '@yearly',
    year: '@yearly',
  }),
);

const dayWord = '(?:sun|mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur)(?:day)?s?';
const timeWord = '(\\d{1,2})(?:[:.](\\d\\d))? ?(am|pm)?|(noon)|(midnight)';
const dayAndTime = new RegExp(
  `^(?:(?:every|each|on) )?(day|daily|weekdays?|workdays?|weekends?|${dayWord}(?:(?: ?, ?| and | ?& ?)${dayWord})*)(?: (?:at )?(?:${timeWord}))?$`,
  'i',
);

/** `daily`, `every hour`, `every monday at 9`, `weekdays at 9:30 pm`. */
function meantByWords(text: string): string | null {
  const sentence = `"${text.slice(0, 40)}" is not a pattern`;
  const alone = words.get(text.toLowerCase().replace(/^(?:every|each|once an?|at) /, ''));
  if (alone !== undefined) return instead(sentence, alone);
  const match = dayAndTime.exec(text);
  if (match === null) return null;
  const [, days = '', hour, minute, half, noon] = match;
  const weekdays = /^da/i.test(days)
    ? '*'
    : /^w(?:eekd|o)/i.test(days)
      ? 'MON-FRI'
      : /^weekend/i.test(days)
        ? 'SAT,0'
        : days
            .split(/ ?, ?| and | ?& ?/i)
            .map((name) => name.slice(0, 3).toUpperCase())
            .join(',');
  const at = hourOf(Number(noon ? 12 : (hour ?? 0)), half);
  return at === null ? sentence : instead(sentence, `${Number(minute ?? 0)} ${at} * * ${weekdays}`);
}

/** The hour of 24, or null where there is none such. */
function hourOf(hour: number, half: string | undefined): number | null {
  if (half === undefined) return hour;
  if (hour < 1 || hour > 12) return null;
  return (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
}

/** A whole line of a crontab: a command follows the five fields, perhaps with a user before it. */
function meantByLine(text: string): string | null {
  const parts = text.split(' ');
  if (text.startsWith('#')) return 'this is a comment of a crontab, not a pattern';
  const sixth = parts[5] ?? '';
  const rest = parts.slice(5).join(' ');
  if (/^[\d*?+]/.test(sixth) && (parts.length <= 7 || !/[a-z]{2}|\//i.test(rest))) return null;
  if (sixth === '' || dayNames.includes(sixth.slice(0, 3).toUpperCase())) return null;
  const five = parts.slice(0, 5).join(' ');
  if (!isCron(five)) return null;
  return instead(
    `this is a whole line of a crontab: the command "${rest.slice(0, 40)}" is no part of the pattern`,
    five,
  );
}

const inFields = (text: string, change: (part: string, place: number, all: number) => string) => {
  const parts = text.split(' ');
  return parts.map((part, place) => change(part, place, parts.length)).join(' ');
};

/** Small changes that leave no doubt about the meaning. */
const repairs: readonly ((text: string) => string)[] = [
  (text) => text.replace(/\s+/g, ' '),
  (text) => inFields(text, (part) => part.replace(/(^|,)\//g, '$1*/')),
  (text) => inFields(text, (part) => part.replace(/(?<![a-z])(?:l|lw|[a-z]{3}l|\d+[lw]|l-\d+)(?![a-z])/gi, upper)),
  (text) => inFields(text, (part) => part.replace(/-sun(?![a-z])/gi, '-7')),
  (text) =>
    inFields(text, (part) =>
      part.replace(/[a-z]{4,}/gi, (name) => {
        const short = name.slice(0, 3).toUpperCase();
        const isLonger = fullNames.some((full) => full.startsWith(name.toUpperCase()));
        return isLonger ? short : name;
      }),
    ),
  // Only EventBridge has "?" there.
  (text) => (/^\S+ \S+ (?:\? \S+ \S+|\S+ \S+ \?) \S+$/.test(text) ? (withYearLast(text) ?? text) : text),
  // Six fields with the year last, as some systems have them.
  (text) => (/ \d{4}$/.test(text) && text.split(' ').length === 6 ? `0 ${text}` : text),
];

const upper = (text: string) => text.toUpperCase();
const fullNames = [
  ...['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'],
  ...[
    'JANUARY',
    'FEBRUARY',
    'MARCH',
    'APRIL',
    'JUNE',
    'JULY',
    'AUGUST',
    'SEPTEMBER',
    'OCTOBER',
    'NOVEMBER',
    'DECEMBER',
  ],
];
