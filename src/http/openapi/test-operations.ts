/** The test calls, for the contract. */

import type { Operation } from './operation.ts';

const more =
  'Nothing is stored but an entry of the audit. Rules about addresses, secrets, redirects and proxies are those of a run; a refused address is a 422. The call ends when its client hangs up. A few at a time; beyond that 429.';

/** By method and path, as the routes write them. */
export const testOperations: Readonly<Record<string, Operation>> = {
  'POST /tasks/:id/test': {
    id: 'testTask',
    description: `Also where the task is stopped. The timeout is the task's, and a minute at most. ${more}`,
    errors: [422],
    answers: { 200: { description: 'What was sent, and what came of it.' } },
  },
  'POST /targets/test': {
    id: 'testTarget',
    description: `The target is that of a task; \`timeout\` is a minute at most, and 30s when absent. ${more}`,
    errors: [422],
    answers: { 200: { description: 'What was sent, and what came of it.' } },
    example: { target: { url: 'https://api.example.com/report' }, timeout: '10s' },
  },
};
