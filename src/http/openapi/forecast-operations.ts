/** The call about the occurrences to come, for the contract. */

import type { Operation } from './operation.ts';

/** By method and path, as the routes write them. */
export const forecastOperations: Readonly<Record<string, Operation>> = {
  'GET /forecast': {
    id: 'getForecast',
    description:
      'Counts the occurrences of active tasks, by the code that fires them. Buckets begin at multiples of their length in UTC; `from` may lie a day back. At most 1,500 buckets, and 10,000 items with `by`; beyond that 422. More than 100,000 tasks are sampled. 503 while too many forecasts are being made.',
    errors: [422, 503],
    answers: { 200: { description: 'The counts, by bucket, and the fullest buckets.' } },
  },
};
