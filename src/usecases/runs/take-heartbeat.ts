/** Takes the heartbeat of a target that answered 202: its work goes on. */

import { parseExactJson, writeExactJson } from '../../domain/input/exact-json.ts';
import { deepestJson } from '../../domain/input/field.ts';
import { ok } from '../../errors.ts';
import { heartbeatMsOf, takeHeartbeat as storeHeartbeat } from '../../store/runs/completing/long-work.ts';
import { malformed, refuse } from '../refusal.ts';
import { type Mask, maskerOf } from '../secrets/mask-report.ts';
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
  const shown = progress === undefined ? progress : masked(text, await maskerOf(context, snapshot), progress);
  return (await storeHeartbeat(context.database.pool, run, shown, context.now()))
    ? ok(null)
    : refuse('illegal_transition', 'the attempt is over: stop working on it');
});

/** Progress without the values of secrets; `text` is its JSON. */
function masked(text: string, mask: Mask, progress: unknown): unknown {
  const shown = mask(text);
  if (shown === text) return progress;
  const read = parseExactJson(shown, 2 * deepestJson);
  return read.ok ? read.value : mask(String(progress));
}

/** Whether jsonb takes it: no NUL, no half surrogate pairs, escaped or not. */
function isStorable(json: string): boolean {
  return !/\\u0000|\\ud[89a-f]/i.test(json);
}
