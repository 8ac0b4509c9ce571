/** Takes the heartbeat of a target that answered 202: its work goes on. */

import { writeExactJson } from '../../domain/input/exact-json.ts';
import { ok } from '../../errors.ts';
import { heartbeatMsOf, takeHeartbeat as storeHeartbeat } from '../../store/runs/completing/long-work.ts';
import { malformed, refuse } from '../refusal.ts';
import { byToken } from './by-token.ts';

/** As JSON, in bytes. */
const largestProgress = 4 * 1024;

/** `progress` is any JSON, shown with the run; undefined leaves the progress as it was. */
export const takeHeartbeat = byToken(async (context, open, { progress }: { progress?: unknown }) => {
  const text = progress === undefined ? '' : writeExactJson(progress);
  if (Buffer.byteLength(text) > largestProgress)
    return malformed([{ pointer: '#/progress', detail: 'must be at most 4 KiB as JSON' }]);
  if (!isStorable(text))
    return malformed([{ pointer: '#/progress', detail: 'must not contain NUL or half a surrogate pair' }]);
  const { runId, attempt, snapshot } = open;
  const run = { runId, attempt, heartbeatMs: heartbeatMsOf(snapshot) };
  return (await storeHeartbeat(context.database.pool, run, progress, context.now()))
    ? ok(null)
    : refuse('illegal_transition', 'the attempt is over: stop working on it');
});

/** Whether jsonb takes it: no NUL, no half surrogate pairs, escaped or not. */
function isStorable(json: string): boolean {
  return !/\\u0000|\\ud[89a-f]/i.test(json);
}
