/** The thread that judges the bodies of answers. */

import { parentPort } from 'node:worker_threads';
import { type SuccessRule, successTest } from '../target/success.ts';

/** The messages to the thread. It answers with the fault of the text, or null. */
export type JudgeJob = { rule: SuccessRule; text: string; isWhole: boolean };

parentPort?.on('message', ({ rule, text, isWhole }: JudgeJob) => {
  parentPort?.postMessage(successTest(rule).faultIn(text, isWhole));
});
