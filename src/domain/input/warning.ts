/** Warnings about inputs that were rewritten, and about inputs that are valid but probably not meant. */

/** The codes are stable: clients may act by them. docs/schedules.md explains each. */
export type WarningCode = keyof typeof warningCodes;

/** Every code with its meaning. */
export const warningCodes = {
  blanks_removed: 'Blanks, tabs, line ends or non-breaking spaces around or between the parts are gone.',
  step_written_out: 'A step from one value (0/15) is written with its range (0-59/15).',
  range_wrapped: 'A range over the end of the field (22-6) is written as two (22-23,0-6).',
  last_weekday_written_out: 'FRI#L, the last Friday, is written as FRIL; L-0 as L.',
  hash_resolved: 'H is replaced by the value that the id of the task gives.',
  hash_without_id: 'H is shown for no id: a task gets other values, by its id.',
  zone_moved: 'The zone before the pattern (CRON_TZ=…) stands in "timezone".',
  duration_written_out: 'A duration with weeks or a fraction is written in days, hours, minutes, seconds.',
  local_time_resolved: 'A local time is written as the instant in UTC that it is.',
  local_time_skipped: 'The clock leaves this local time out: the first instant after it was taken.',
  local_time_repeated: 'This local time comes twice: the first was taken.',
  either_day: 'Both day fields are restricted, and a day that matches either one fires.',
  uneven_step: 'The step does not divide the range: the last interval of each round is another one.',
  single_step: 'The step leads beyond the end of the range: it matches one value alone.',
  every_second: 'It fires every second of each minute that matches.',
  every_minute: 'It fires every minute of each hour that matches.',
  quartz_weekday: 'Days of the week are counted from 0 = Sunday here, from 1 = Sunday in Quartz.',
  short_months: 'Months that do not have this day are left out.',
  rare: 'More than a year lies before the next time, or between the next two.',
  clock_change: 'A change of the clock leaves out a time of this schedule.',
  zone_data_outdated: 'The replica that answered has older time zone data than another one.',
} as const;

/** `pointer` as in a FieldError. */
export type Warning = { code: WarningCode; pointer: string; detail: string };

/** Takes warnings as they are found. */
export type Warn = (code: WarningCode, pointer: string, detail: string) => void;
