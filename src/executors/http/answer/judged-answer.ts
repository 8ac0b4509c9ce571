/** The outcome of an answer that has to be read first: its encodings undone, its body judged. */

import type { Outcome } from '../../executor.ts';
import { answeredOutcome, type Received, wrongBodyOutcome } from '../outcome.ts';
import type { PreparedTarget } from '../request.ts';
import { answerText, judgeLimit } from './answer.ts';
import { decodeAnswer } from './decoding.ts';
import type { Judge } from './judging.ts';

/** `isWanted` says whether anybody still waits for it. No known input makes it reject. */
export async function judgeAnswer(
  taskId: string,
  received: Received,
  target: PreparedTarget,
  heldUntil: number | null,
  judge: Judge,
  isWanted: () => boolean,
): Promise<Outcome> {
  if (received.encodings !== null) {
    received.answer = await decodeAnswer(received.answer, received.encodings, judgeLimit);
    received.encodings = null;
  }
  const byStatus = answeredOutcome(received, target.isSuccess, heldUntil);
  // The body is not judged for a held run: its final report decides.
  if (target.success === null || byStatus.status !== 'succeeded') return byStatus;
  const { answer, contentType } = received;
  const isWhole = answer.received === answer.kept;
  const text = answerText(answer, true, contentType, judgeLimit);
  const detail = await judge.faultIn(taskId, target.success, text, isWhole, isWanted);
  return detail === null ? byStatus : wrongBodyOutcome(received, detail);
}
