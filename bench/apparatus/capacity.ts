/** Shows that the target is not the limit: how many calls a second it takes from a sender that does little else. */

import type { Later } from './cleanup.ts';
import { postRequest, startLoadClient } from './load.ts';
import type { Target } from './target.ts';

const calls = 60_000;
/** How many times the load it must be able to take. */
export const wantedHeadroom = 3;

/** Calls a second, the sender having the rest of the machine. */
export async function targetCapacity(later: Later, target: Target): Promise<number> {
  const client = startLoadClient(later);
  await target.reset(calls);
  const body = { taskId: 'capacity', runId: '0'.repeat(36), attempt: 1, scheduledFor: new Date(0).toISOString() };
  const request = postRequest('/t', body);
  const text = Buffer.from(request)
    .toString()
    .replace('\r\n', `\r\nx-run-id: ${'0'.repeat(36)}\r\n`);
  const options = { port: target.port, connections: 64, requests: [Buffer.from(text)] };
  await client.run({ ...options, repeat: calls / 10 });
  const { ms } = await client.run({ ...options, repeat: calls });
  await client.close();
  return Math.round((calls * 1_000) / ms);
}
