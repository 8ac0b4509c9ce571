/** Judges the bodies of answers: small ones at once, others on a thread, so that none keeps the event loop. */

import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../clock.ts';
import type { SuccessTest } from '../domain/success.ts';
import type { JudgeJob } from './judge-worker.ts';

export type Judge = {
  /** What about a body is not as the rule wants it; null when it is. Never rejects. Nobody may want to know by the time it is asked. */
  faultIn(test: SuccessTest, text: string, isWhole: boolean, isWanted: () => boolean): Promise<string | null>;
  close(): void;
};

type Job = JudgeJob & { isWanted: () => boolean; resolve: (fault: string | null) => void };

/** In characters: parsing and comparing as many takes some milliseconds at worst. */
const longestAtOnce = 64 * 1024;
/** In characters × steps of a pattern, each of some 10 ns at worst (measured). */
const mostStepsAtOnce = 1_000_000;
/** How long one body may take on the thread, in milliseconds: only a pattern made for that takes longer. */
const jobLimitMs = 2_000;
/** A thread with nothing to do takes some 20 MB. */
const idleThreadMs = 30_000;

/** `script` is where `judge-worker` is. The thread starts with the first body that needs it. */
export function createJudge(clock: Clock, script: URL): Judge {
  const queue: Job[] = [];
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
    while (current === null && queue.length > 0) {
      const job = queue.shift() as Job;
      if (job.isWanted()) current = job;
      else job.resolve(null);
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
    async faultIn(test, text, isWhole, isWanted) {
      if (text.length <= longestAtOnce && text.length * test.size <= mostStepsAtOnce)
        return test.faultIn(text, isWhole);
      return new Promise((resolve) => {
        queue.push({ rule: test.rule, text, isWhole, isWanted, resolve });
        next();
      });
    },
    close() {
      timer?.cancel();
      dismiss();
      for (const { resolve } of queue.splice(0)) resolve('was not judged: the replica is shutting down');
      current?.resolve('was not judged: the replica is shutting down');
      current = null;
    },
  };
}
