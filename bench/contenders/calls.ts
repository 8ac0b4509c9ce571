/** The call that every contender but ours makes for a run: the same request as ours, through one undici Pool. */

import { Pool } from 'undici';
import { createRunIds } from '../../src/domain/run/ids.ts';

const runIds = createRunIds('00000000-0000-0000-0000-000000000000');

export type Calls = {
  /** Calls the target for occurrence `instant` of task `number`; resolves with the status when the answer is read. */
  call(number: number, instant: number): Promise<number>;
};

/** As many sockets as were the fastest towards a target that answers at once. */
const sockets = 64;

export function createCalls(targetUrl: string): Calls {
  const { origin, pathname } = new URL(targetUrl);
  const pool = new Pool(origin, { connections: sockets, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  return {
    async call(number, instant) {
      const runId = runIds.of(number, instant);
      const scheduledFor = new Date(instant).toISOString();
      const taskId = `task-${number}`;
      const { statusCode, body } = await pool.request({
        path: pathname,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'bench',
          'x-task-id': taskId,
          'idempotency-key': runId,
          'x-run-id': runId,
          'x-attempt': '1',
          'x-scheduled-for': scheduledFor,
          'x-trigger': 'schedule',
        },
        body: JSON.stringify({ taskId, runId, attempt: 1, scheduledFor, trigger: 'schedule' }),
      });
      await body.dump();
      return statusCode;
    },
  };
}
