/** The calls about logs of runs, for the contract. */

import type { Operation } from './operation.ts';

/** By method and path, as the routes write them. */
export const logOperations: Readonly<Record<string, Operation>> = {
  'GET /runs/:id/log': {
    id: 'readRunLog',
    description:
      'The bytes from `offset` on, at most 1 MiB. Of a log beyond `LOG_LIMIT` the middle is dropped: `X-Log-Dropped` tells where it was in this answer.',
    answers: {
      200: {
        description: 'The bytes, as they were sent.',
        headers: ['X-Log-Next-Offset', 'X-Log-Complete', 'X-Log-Dropped'],
      },
    },
  },
  'GET /runs/:id/log/follow': {
    id: 'followRunLog',
    description:
      'Events `log` with text, whose `id` is the offset after it, and `dropped` where bytes are missing; `end` after the last byte of a run that has ended. `Last-Event-ID` or `offset` tells where to begin.',
    answers: { 200: { description: 'The stream.' } },
  },
  'POST /runs/:id/log': {
    id: 'appendRunLog',
    description:
      'With the token that came in the call. `offset` counts the bytes of all attempts; at most 256 KiB at once. The same bytes again are a success. 409 `log_gap` beyond the end, `log_conflict` where other bytes stand, each with `X-Log-Next-Offset`; `attempt_over` where the attempt has ended.',
    errors: [409],
    answers: { 200: { description: 'The length of the log.', headers: ['X-Log-Next-Offset'] } },
    isBodyOptional: true,
    example: 'row 1 of 100\n',
  },
};
