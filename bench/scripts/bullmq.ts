/** BullMQ on a herd: a delayed job for each task. */

import { answerQuestions } from '../apparatus/answering.ts';
import { createCalls } from '../contenders/calls.ts';
import type { Work } from '../contenders/contender.ts';
import { loadPackage } from '../contenders/packages.ts';

type Job = { data: { number: number; instant: number } };
type BullMq = {
  Queue: new (
    name: string,
    options: object,
  ) => Emitter & { addBulk(jobs: { name: string; data: Job['data']; opts: object }[]): Promise<unknown> };
  Worker: new (name: string, work: (job: Job) => Promise<unknown>, options: object) => Emitter;
};
type Emitter = { on(event: 'completed' | 'error', listener: (fact: unknown) => void): void };

const { REDIS_URL = '', TARGET_URL = '' } = process.env;
const { Queue, Worker } = loadPackage<BullMq>('bullmq');
const { call } = createCalls(TARGET_URL);
const { hostname, port, password } = new URL(REDIS_URL);
const connection = { host: hostname, port: Number(port), password, maxRetriesPerRequest: null };

const queue = new Queue('herd', { connection });
/** More did not make it faster. */
const concurrency = 200;
let open = 0;
let onIdle = () => {};

const worker = new Worker('herd', ({ data }) => call(data.number, data.instant), {
  connection,
  concurrency,
  removeOnComplete: { count: 0 },
});
for (const emitter of [queue, worker]) {
  emitter.on('error', (error) => {
    // It would try again for ever, as fast as it can.
    console.error('bullmq:', error);
    process.exit(1);
  });
}
worker.on('completed', () => {
  if (--open === 0) onIdle();
});

answerQuestions({
  async prepare({ count, instant }: Work) {
    open = count;
    for (let from = 0; from < count; from += 1_000) {
      const jobs = Array.from({ length: Math.min(1_000, count - from) }, (_, place) => ({
        name: 'call',
        data: { number: from + place + 1, instant },
        opts: { delay: instant - Date.now() },
      }));
      await queue.addBulk(jobs);
    }
  },
  settled() {
    if (open === 0) return;
    return new Promise<void>((resolve) => {
      onIdle = resolve;
    });
  },
});
