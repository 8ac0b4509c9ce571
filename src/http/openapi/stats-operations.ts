/** The calls about counts of runs, for the contract. */

import type { Operation } from './operation.ts';

/** By method and path, as the routes write them. */
export const statsOperations: Readonly<Record<string, Operation>> = {
  'GET /stats': {
    id: 'getStats',
    description:
      'Runs that are over count in the bucket of their `scheduledFor`, whenever they end, within a minute. Buckets begin at full minutes, hours and days of UTC; those without runs and misses are left out. Without `from`: the last hour of minutes, day of hours or 30 days of days. Minutes are kept for a day, hours as long as `STATS_RETENTION`. Labels are those of the tasks now. At most 1,500 buckets and 10,000 items; beyond that 422.',
    errors: [422],
    answers: { 200: { description: 'The counts, by bucket and key.' } },
  },
};
