import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCalendar } from '../../../../../src/domain/schedule/calendar.ts';
import { compileSchedule, nextInstant, readSchedule } from '../../../../../src/domain/schedule/schedule.ts';
import { cases } from '../../../cases.ts';
import { cronPattern } from '../cron-arbitraries.ts';

const calendar = createCalendar();
const context = { now: Date.UTC(2026, 0, 1, 12), graceMs: 60_000 };

function refusalOf(cron: string): string {
  const read = readSchedule({ cron }, context, calendar);
  if (read.ok) throw new Error(`${cron} is accepted`);
  expect(read.errors).toHaveLength(1);
  expect(read.errors[0]?.pointer).toBe('#/schedule/cron');
  return read.errors[0]?.detail ?? '';
}

/** What an error tells to write, read as a schedule; undefined where it tells nothing. */
function proposalIn(detail: string): unknown {
  const [, json, text] = /write (?:(\{.*\})$|"(.*)"$)/.exec(detail) ?? [];
  return json === undefined ? text && { cron: text } : JSON.parse(json);
}

function instants(schedule: unknown): number[] {
  const read = readSchedule(schedule, context, calendar);
  if (!read.ok) throw new Error(`${JSON.stringify(schedule)}: ${JSON.stringify(read.errors)}`);
  const compiled = compileSchedule(read.value, calendar);
  if (compiled === null) throw new Error('not compiled');
  const found: number[] = [];
  for (let last: number | null = context.now; found.length < 30; ) {
    last = nextInstant(compiled, last);
    if (last === null) break;
    found.push(last);
  }
  return found;
}

describe('an error tells what to write, and that is what was meant', () => {
  test.each([
    ['*/5 * * * * /usr/bin/foo', '*/5 * * * *'],
    ['*/5 * * * * root /usr/bin/foo --bar', '*/5 * * * *'],
    ['0 0/15 * * * [ -x /bin/a ] && /bin/a', '0 0-23/15 * * *'],
    ['30 2 * * 1-5 backup.sh', '30 2 * * 1-5'],
    ['0 5 * * 1 tar -zcf /var/backups/home.tgz /home/', '0 5 * * 1'],
    ['0 5 * * 1 7z a x.7z /home', '0 5 * * 1'],
    ['17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly', '17 * * * *'],
    [`0 5 * * 1 ${'very-long-command '.repeat(30)}`, '0 5 * * 1'],
    ['@daily /usr/bin/foo', '@daily'],
    ['@daily 0 0 * * *', '@daily'],
    ['@Daily', '@daily'],
    ['@HOURLY', '@hourly'],
    ['@noon', '0 12 * * *'],
    ['@weekdays', '0 0 * * 1-5'],
    ['@every 5m', { every: '5m' }],
    ['@every 1.5h', { every: '90m' }],
    ['@every 5 minutes', { every: '5m' }],
    ['daily', '@daily'],
    ['Hourly', '@hourly'],
    ['every day', '@daily'],
    ['every minute', '* * * * *'],
    ['midnight', '@daily'],
    ['rate(5 minutes)', { every: '5m' }],
    ['rate(1 hour)', { every: '1h' }],
    ['rate(7 days)', { every: '7d' }],
    ['cron(0 12 * * ? *)', '0 12 * * *'],
    ['cron(15 10 ? * MON-FRI *)', '15 10 * * 1-5'],
    ['cron(15 10 ? * 2-6 2026-2030)', '0 15 10 ? * MON-FRI 2026-2030'],
    ['cron(0 9 ? * 2#1 *)', '0 9 * * MON#1'],
    ['cron(0 18 ? * 6L *)', '0 18 * * FRIL'],
    ['cron(0/15 * * * ? *)', '*/15 * * * *'],
    ['cron(*/5 * * * *)', '*/5 * * * *'],
    ['15 10 ? * MON-FRI *', '15 10 * * 1-5'],
    ['0 12 * * ? 2027', '0 0 12 * * ? 2027'],
    ['at(2026-12-01T09:00:00)', { at: '2026-12-01T09:00:00Z' }],
    ['2026-12-01T09:00:00Z', { at: '2026-12-01T09:00:00Z' }],
    ['5 minutes', { every: '5m' }],
    ['5m', { every: '5m' }],
    ['PT5M', { every: '5m' }],
    ['90s', { every: '90s' }],
    ['every 90s', { every: '90s' }],
    ['every 5 minutes', { every: '5m' }],
    ['every 2 hours', { every: '2h' }],
    ['1 hour 30 minutes', { every: '90m' }],
    ['every monday at 9', '0 9 * * 1'],
    ['Every Monday at 9:30', '30 9 * * 1'],
    ['monday 9am', '0 9 * * 1'],
    ['every tuesday and friday at 10:15 pm', '15 22 * * 2,5'],
    ['every day at 12am', '0 0 * * *'],
    ['every day at 12pm', '0 12 * * *'],
    ['daily at noon', '0 12 * * *'],
    ['weekdays at 9', '0 9 * * 1-5'],
    ['weekends at 8:05', '5 8 * * 0,6'],
    ['on sundays', '0 0 * * 0'],
    ['/30 * * * *', '*/30 * * * *'],
    ['0 0 l * *', '0 0 L * *'],
    ['0 0 lw * *', '0 0 LW * *'],
    ['0 0 15w * *', '0 0 15W * *'],
    ['0 0 * * fril', '0 0 * * 5L'],
    ['0 0 * * SAT-SUN', '0 0 * * 6,0'],
    ['0 0 * * Mon-Sun', '0 0 * * *'],
    ['0 0 * * MONDAY', '0 0 * * 1'],
    ['0 0 1 January,July *', '0 0 1 1,7 *'],
    ['0\u00a00 * * *', '0 0 * * *'],
    ['0 0 1 1 * 2027', '0 0 0 1 1 * 2027'],
  ])('%s', (cron, meant) => {
    const detail = refusalOf(cron);
    const proposal = proposalIn(detail);
    expect(proposal, detail).toBeDefined();
    const anchor = { anchor: '2026-01-01T00:00:00Z' };
    const [told, wanted] = [proposal, typeof meant === 'string' ? { cron: meant } : meant].map((one) =>
      'every' in (one as object) ? { ...(one as object), ...anchor } : one,
    );
    expect(instants(told), detail).toEqual(instants(wanted));
  });
});

describe('where there is doubt it says what is wrong, and proposes nothing', () => {
  test.each([
    ['@reboot', /"@reboot" is no time/],
    ['@reboot /usr/bin/foo', /"@reboot" is no time/],
    ['*/5 * * *', /4 fields: minute, hour, day of month, month; day of week is missing/],
    ['* * * * * * * *', /8 fields; there must be 5 .*6 .*7/],
    ['0 25 * * *', /hour: 25 is out of range 0–23/],
    ['0 0 32 * *', /day of month: 32 is out of range 1–31/],
    ['0 0 * 13 *', /month: 13 is out of range 1–12/],
    ['0 0 * * 8', /day of week: 8 is out of range 0–7/],
    ['', /is empty/],
    ['# every night', /comment/],
    ['FREQ=DAILY', /1 field;/],
    ['every monday at 25', /is not a pattern$/],
    ['constructor', /1 field;/],
    ['@constructor', /is none of @yearly/],
    ['@every soon', /a fixed rate is not cron/],
    ['x'.repeat(300), /is too long: at most 256/],
  ])('%s', (cron, detail) => {
    const told = refusalOf(cron);
    expect(told).toMatch(detail);
    expect(proposalIn(told), told).toBeUndefined();
  });
});

test('whatever is refused, what it proposes is accepted', () => {
  const junk = fc.constantFrom(
    ...[
      '*',
      '/',
      ',',
      '-',
      'L',
      'l',
      'W',
      '#',
      'H',
      '?',
      '+',
      '\u00a0',
      ' ',
      'MONDAY',
      'SUN',
      '9',
      '0/5',
      '@',
      'every ',
    ],
    ...['-SUN', 'tue', '(1-5)', 'cron(', 'rate(', ' 2027', ' /bin/x', 'am', ' at 9', '\u200b'],
  );
  const mutated = fc.tuple(cronPattern, fc.nat(), fc.nat(3), junk).map(([cron, place, cut, piece]) => {
    const at = place % (cron.length + 1);
    return `${cron.slice(0, at)}${piece}${cron.slice(at + cut)}`;
  });
  fc.assert(
    fc.property(mutated, (cron) => {
      const read = readSchedule({ cron }, context, calendar);
      if (read.ok) return;
      const { detail = '' } = read.errors[0] ?? {};
      const proposal = proposalIn(detail);
      if (proposal === undefined) return;
      const again = readSchedule(proposal, context, calendar);
      // A proposal may still be a date that never comes; it is never one that cannot be read.
      if (!again.ok) expect(again.errors[0]?.detail, `${cron}: ${detail}`).toMatch(/can never fire|has passed/);
    }),
    cases(500),
  );
});
