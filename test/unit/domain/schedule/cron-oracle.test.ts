import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { cases } from '../../cases.ts';
import { occurrencesBetween } from '../../oracle/cron-oracle.ts';
import { cronPattern, zoneAndInstant } from './cron-arbitraries.ts';

type Vector = { id: string; kind: string; pattern: string; tz: string; from: string; expect: string[]; note: string };

const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../../vectors/cron.json', import.meta.url), 'utf8'));
const year = 366 * 86_400_000;
const text = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z');

describe('the oracle knows the table of known instants', () => {
  test.each(vectors.filter(({ kind }) => kind === 'truth' || kind === 'policy'))(
    '$id $pattern $tz: $note',
    ({ pattern, tz, from, expect: wanted }) => {
      const last = Date.parse(wanted.at(-1) as string);
      expect(occurrencesBetween({ cron: pattern, timezone: tz }, Date.parse(from), last).map(text)).toEqual(wanted);
    },
  );
});

test('every valid pattern fires exactly when the oracle says, around changes of the clock and for a year after', () => {
  const calendar = createCalendar();
  fc.assert(
    fc.property(cronPattern, zoneAndInstant, (cron, { timezone, from }) => {
      const compiled = calendar.compile(cron, timezone);
      if (!compiled.ok) {
        expect(compiled.errors[0]?.detail).toContain('can never fire');
        expect(occurrencesBetween({ cron, timezone: 'UTC' }, from, from + year)).toEqual([]);
        return;
      }
      const found: number[] = [];
      let last: number | null = from;
      while (found.length < 120) {
        last = compiled.value.next(last);
        if (last === null || last > from + year) break;
        found.push(last);
      }
      const to = found.length < 120 ? from + year : (found.at(-1) as number);
      expect(found.map(text)).toEqual(occurrencesBetween({ cron, timezone }, from, to).map(text));
    }),
    // As many as fit into the time given; a slow machine tries fewer.
    cases(100),
  );
});
