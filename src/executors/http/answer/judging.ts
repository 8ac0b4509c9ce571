/**
 * Judges the bodies of answers: small ones at once, others on a thread, so that none keeps the event loop. Tasks take
 * turns there.
 */

import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../../clock.ts';
import { createFairQueue } from '../fair-queue.ts';
import type { SuccessTest } from '../target/success.ts';
import type { JudgeJob } from './judge-worker.ts';

export type Judge = {
  /**
   * How a body breaks the rule; null when it does not. Never rejects. `isWanted` is asked again before the work begins.
   */
  faultIn(
    taskId: string,
    test: SuccessTest,
    text: string,
    isWhole: boolean,
    isWanted: () => boolean,
  ): Promise<string | null>;
  close(): void;
};

type Job = JudgeJob & { isWanted: () => boolean; resolve: (fault: string | null) => void };

/** In characters: parsing and comparing as many takes some milliseconds at worst. */
const longestAtOnce = 64 * 1024;
/** In characters × steps of a pattern, each of some 10 ns at worst (measured). */
const mostStepsAtOnce = 1_000_000;
/** How long one body may take on the thread, in milliseconds: only a pattern made for that takes longer. */
const jobLimitMs = 2_000;
/** The most that may wait of one task, in characters: 64 of the largest bodies. */
const mostWaiting = 64 * 1024 * 1024;
/** A thread with nothing to do takes some 20 MB. */
const idleThreadMs = 30_000;

/** `script` is where `judge-worker` is. The thread starts with the first body that needs it. */
export function createJudge(clock: Clock, script: URL): Judge {
  const queue = createFairQueue<Job>(mostWaiting, ({ text }) => text.length);
  let current: Job | null = null;
  let worker: Worker | null = null;
  let timer: Timer | null = null;

  function end(fault: string | null): void {
    timer?.cancel();
    const job = current;
    current = null;
    job?.resolve(fault);
    next();
  }

  function next(): void {
    if (current !== null) return;
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      if (job.isWanted()) {
        current = job;
        break;
      }
      job.resolve(null);
    }
    timer?.cancel();
    timer = current === null ? clock.after(idleThreadMs, dismiss) : clock.after(jobLimitMs, giveUp);
    if (current === null) return;
    worker ??= hire();
    const { rule, text, isWhole } = current;
    worker.postMessage({ rule, text, isWhole } satisfies JudgeJob);
  }

  function hire(): Worker {
    const hired = new Worker(script, { resourceLimits: { maxOldGenerationSizeMb: 256 } });
    hired.unref();
    hired.on('message', (fault: string | null) => {
      if (worker === hired) end(fault);
    });
    const lose = () => {
      if (worker !== hired) return;
      worker = null;
      if (current !== null) end('could not be judged: the thread for it ended');
    };
    hired.on('error', lose);
    hired.on('exit', lose);
    return hired;
  }

  function dismiss(): void {
    const dismissed = worker;
    worker = null;
    void dismissed?.terminate();
  }

  function giveUp(): void {
    dismiss();
    end(`could not be judged within ${jobLimitMs / 1_000}s`);
  }

  return {
    async faultIn(taskId, test, text, isWhole, isWanted) {
      if (text.length <= longestAtOnce && text.length * test.size <= mostStepsAtOnce)
        return test.faultIn(text, isWhole);
      return new Promise((resolve) => {
        if (queue.push(taskId, { rule: test.rule, text, isWhole, isWanted, resolve })) next();
        else resolve('could not be judged: too much of this task waits for that');
      });
    },
    close() {
      timer?.cancel();
      dismiss();
      for (const { resolve } of queue.empty()) resolve('was not judged: the replica is shutting down');
      current?.resolve('was not judged: the replica is shutting down');
      current = null;
    },
  };
}
