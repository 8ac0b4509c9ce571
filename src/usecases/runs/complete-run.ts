/** Completes a held run: takes the report of a target that answered 202 on how its work ended. */

import { writeExactJson } from '../../domain/input/exact-json.ts';
import { cutOutput } from '../../domain/run/output.ts';
import { ok } from '../../errors.ts';
import { type Ending, endAttempt, endedRun } from '../../store/runs/completing/long-work.ts';
import { refuse } from '../refusal.ts';
import { type Mask, maskerOf } from '../secrets/mask-report.ts';
import { byToken } from './by-token.ts';

export type Completion = {
  /** `succeeded` when absent. */
  status?: 'succeeded' | 'failed';
  /** Text is kept as it is, anything else as JSON; the first 16 KiB. */
  output?: unknown;
  /** The reason, for `failed`. */
  error?: string;
  /** False: no further attempt, even if one is left. */
  retry?: boolean;
};

export const completeRun = byToken(async (context, open, completion: Completion) => {
  const { database, now, random01 } = context;
  const mask = await maskerOf(context, open.snapshot);
  const written = await endAttempt(database.pool, open, endingOf(completion, mask), now(), random01());
  if (!written) return refuse('illegal_transition', 'the attempt is over');
  context.runEnded(endedRun(open, written));
  // Another run may wait behind this one, or this one for its next attempt.
  context.signal('waiting');
  context.signal('over');
  return ok(null);
});

/** Characters that cannot be stored are replaced rather than refused, because the work is done. */
function endingOf({ status = 'succeeded', output, error, retry = true }: Completion, mask: Mask): Ending {
  return {
    status,
    output:
      output === undefined
        ? null
        : cutOutput(storable(mask(typeof output === 'string' ? output : writeExactJson(output)))),
    error:
      status === 'failed'
        ? { kind: 'rejected', message: storable(mask(error ?? 'the target reported a failure')) }
        : null,
    isFinal: !retry,
  };
}

/** Postgres text knows no NUL. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}
