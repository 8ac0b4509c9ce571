/** The calls that make much at once of tasks and runs, for the contract. */

import type { Operation } from './operation.ts';

/** By method and path, as the routes write them. */
export const bulkOperations: Readonly<Record<string, Operation>> = {
  'POST /bulk': {
    id: 'startBulk',
    description:
      'The tasks are those that the filters select now, and any replica works on them. A trigger makes one run for each, ' +
      'also where a replica dies. delete and label need the role admin. 409 with `count` where the filters select ' +
      'another number than `expect`.',
    errors: [409, 422],
    answers: { 202: { description: 'It is under way.', headers: ['Location'] } },
    example: { select: { label: 'team:billing' }, action: 'stop', expect: 12 },
  },
  'GET /bulk/:id': {
    id: 'getBulk',
    description: 'Kept for 7 days after its end. `done` and `failed` make up `total` then.',
    answers: { 200: { description: 'The bulk change.' } },
  },
  'POST /tasks/:id/backfill': {
    id: 'backfillTask',
    description:
      'By the schedule as it is now, whatever the status of the task. Where the task forbids overlap they run one after ' +
      'the other. To be repeated from `nextFrom` where `limit` ended it; repeating it makes nothing twice.',
    errors: [409, 422],
    answers: { 202: { description: 'How many runs were made.', headers: ['Location'] } },
    example: { from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z', limit: 100 },
  },
};
