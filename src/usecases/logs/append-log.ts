/** Appends to the log of a run: what its target, or any other holder of its token, reports of the work. */

import { truncatedOf } from '../../domain/run/log-layout.ts';
import { ok } from '../../errors.ts';
import { appendToLog as storeBytes } from '../../store/logs/append.ts';
import type { OpenAttempt } from '../../store/runs/completing/long-work.ts';
import type { UseCaseContext } from '../context.ts';
import { type Outcome, refuse } from '../refusal.ts';
import { attemptUnderWay, type TokenHolder } from '../runs/by-token.ts';
import { byteMaskerOf } from '../secrets/mask-report.ts';

/** Bytes, and where they begin in the log of the run: offsets count on from one attempt to the next. */
export type LogBytes = { offset: number; bytes: Buffer };

/** How long the log is now, in bytes, and how many of them were dropped. */
export type LogLength = { bytes: number; truncatedBytes: number };

async function append(context: UseCaseContext, holder: TokenHolder, sent: LogBytes): Promise<Outcome<LogLength>> {
  const endTurn = await context.logs.takeTurn(holder.runId);
  if (endTurn === null)
    return refuse(
      'too_many_requests',
      'too many appends wait already: send one after the other, and this one again in a second',
    );
  try {
    const open = await attemptUnderWay(context, holder, 'attempt_over');
    return open.ok ? await appendToLog(context, open.value, sent) : open;
  } finally {
    endTurn();
  }
}

/** With the token of the attempt. Bytes that the log has already are taken again. */
export const appendLog = Object.assign(append, { needs: 'token' as const });

/** For an attempt that is known to be under way, where its holder is no stranger. */
async function appendToLog(
  context: UseCaseContext,
  { runId, attempt, snapshot }: Pick<OpenAttempt, 'runId' | 'attempt' | 'snapshot'>,
  { offset, bytes }: LogBytes,
): Promise<Outcome<LogLength>> {
  const masker = await byteMaskerOf(context, snapshot);
  const { database, logs, holdingTurns } = context;
  const pace = () => holdingTurns.take();
  const { limit } = logs;
  const appended = await storeBytes(database, { runId, attempt, offset, bytes, limit, masker, pace });
  if (appended.result === 'over') return refuse('attempt_over', `attempt ${attempt} is over: stop working on it`);
  const { result, log } = appended;
  if (result !== 'taken') return refusalOf(result, offset, log.bytes);
  logs.look(runId);
  return ok({ bytes: log.bytes, truncatedBytes: truncatedOf(log) });
}

function refusalOf(result: 'gap' | 'different', offset: number, nextOffset: number): Outcome<never> {
  const detail =
    result === 'gap'
      ? `the log ends at ${nextOffset}, before the offset ${offset}: send the bytes between them first`
      : `other bytes stand at the offset ${offset}: go on at ${nextOffset}`;
  return { ok: false, errors: { kind: result === 'gap' ? 'log_gap' : 'log_conflict', detail, nextOffset } };
}
