import { describe, expect, test } from 'vitest';
import { isFixedOffset } from '../../../../../src/domain/schedule/zones/zone.ts';
import { compareZoneData, newestZoneData } from '../../../../../src/domain/schedule/zones/zone-data.ts';

test('versions of time zone data are in the order in which they came out', () => {
  const inOrder = [null, '2019c', '2024a', '2025a', '2025c', '2025z', '2025za', '2025zb', '2026', '2026a', '2026b'];
  for (const [place, version] of inOrder.entries())
    for (const [other, against] of inOrder.entries())
      expect(Math.sign(compareZoneData(version, against)), `${version} ${against}`).toBe(Math.sign(place - other));
  expect(newestZoneData(['2025c', null, '2026a', '2025za'])).toBe('2026a');
  expect(newestZoneData([null, null])).toBeNull();
  expect(newestZoneData([])).toBeNull();
});

describe('zones whose instants no data changes', () => {
  test.each([
    'UTC',
    'utc',
    'Etc/UTC',
    'GMT',
    'Etc/GMT',
    'GMT+0',
    'GMT-0',
    'GMT0',
    'Etc/GMT+5',
    'Etc/GMT-14',
    'Zulu',
    'Etc/Zulu',
    'Universal',
    'UCT',
    'Etc/Greenwich',
  ])('%s', (name) => expect(isFixedOffset(name)).toBe(true));
  test.each(['Europe/Berlin', 'EST', 'MST', 'Asia/Kolkata', 'Europe/London', 'WET', 'Etc/Unknown'])('not %s', (name) =>
    expect(isFixedOffset(name)).toBe(false),
  );
});
