/** Entries of the timetable for tests that mind only which task they are of. */

import { misfireRule } from '../src/domain/schedule/misfire.ts';
import type { Entry } from '../src/engine/timetable/timetable.ts';

/** An entry without occurrences of its own, in no heap. */
export function entryOf({ uid, id, scheduleVersion }: Pick<Entry, 'uid' | 'id' | 'scheduleVersion'>): Entry {
  const bounds = { activeFrom: 0, startsAt: null, endsAt: null, jitterMs: 0 };
  return {
    ...{ uid, id, namespace: 'default', scheduleVersion, priority: 5, limited: false, key: Infinity, place: -1 },
    timing: { uid, schedule: { kind: 'manual' }, ...bounds },
    misfire: misfireRule({ policy: 'skip', grace: '1m', limit: 1 }),
  };
}
