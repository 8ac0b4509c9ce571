/** Use cases of a target that answered 202. The token of an attempt gives the right to report about it. */

import { ok } from '../../errors.ts';
import { type OpenAttempt, openAttempt } from '../../store/runs/completing/long-work.ts';
import { findRun, type WholeRun } from '../../store/runs/history.ts';
import type { UseCaseContext } from '../context.ts';
import { notFound, type Outcome, refuse } from '../refusal.ts';
import { isRunId } from './get-run.ts';

/**
 * The run and the token that came with the call of its target. `namespace` is the one that the request names; null
 * where it names none: the token stands for the run wherever that is.
 */
export type TokenHolder = { runId: string; token: string; namespace: string | null };

/** The attempt that the token was made for; a refusal where it is no token of this run. */
export function attemptOfToken(
  context: UseCaseContext,
  { runId, token }: Omit<TokenHolder, 'namespace'>,
): Outcome<number> {
  const attempt = isRunId(runId) ? context.attemptOf(runId, token) : null;
  return attempt === null ? refuse('forbidden', 'the token is not of this run') : ok(attempt);
}

type Work<I> = (context: UseCaseContext, open: OpenAttempt, input: I) => Promise<Outcome<unknown>>;

/**
 * A use case about the attempt of a token: `work` where that attempt is under way, else a refusal. Gives back the run
 * as it is afterwards.
 */
export function byToken<I>(work: Work<I>) {
  const checked = async (context: UseCaseContext, holder: TokenHolder, input: I): Promise<Outcome<WholeRun>> => {
    const open = await attemptUnderWay(context, holder);
    if (!open.ok) return open;
    const done = await work(context, open.value, input);
    if (!done.ok) return done;
    const run = await findRun(context.database, holder.runId);
    return run ? ok(run) : notFound(`run "${holder.runId}"`);
  };
  return Object.assign(checked, { needs: 'token' as const });
}

/** The attempt of a token; a refusal of the kind `over` where that is not under way. */
export async function attemptUnderWay(
  context: UseCaseContext,
  holder: TokenHolder,
  over: 'illegal_transition' | 'attempt_over' = 'illegal_transition',
): Promise<Outcome<OpenAttempt>> {
  const attempt = attemptOfToken(context, holder);
  if (!attempt.ok) return attempt;
  const { runId, namespace } = holder;
  const open = await openAttempt(context.database.pool, runId, namespace);
  if (open?.attempt === attempt.value) return ok(open);
  const run = await findRun(context.database, runId);
  if (!run || (namespace !== null && run.namespace !== namespace)) return notFound(`run "${runId}"`);
  return refuse(
    over,
    run.attempt > attempt.value
      ? `attempt ${attempt.value} is over; the run is at attempt ${run.attempt}`
      : `the run is ${run.status}: nothing is waited for any more`,
  );
}
