/** pg-boss on a herd: a job with `startAfter` for each task. */

import { answerQuestions } from '../apparatus/answering.ts';
import { createCalls } from '../contenders/calls.ts';
import type { Work } from '../contenders/contender.ts';
import { loadPackage } from '../contenders/packages.ts';

type Job = { id: string; data: { number: number; instant: number } };
type Boss = {
  on(event: 'error', listener: (error: Error) => void): void;
  start(): Promise<unknown>;
  createQueue(name: string): Promise<void>;
  insert(name: string, jobs: { name: string; data: Job['data']; startAfter: string }[]): Promise<unknown>;
  work(name: string, options: object, handler: (jobs: Job[]) => Promise<unknown>): Promise<string>;
  getQueueStats?(name: string): Promise<{ queuedCount: number; activeCount: number }>;
};

const { DATABASE_URL = '', TARGET_URL = '' } = process.env;
const PgBoss = loadPackage<(new (options: object) => Boss) & { default?: new (options: object) => Boss }>('pg-boss');
const { call } = createCalls(TARGET_URL);

/** The shortest poll it takes, batches and workers as they were the fastest. */
const polling = { pollingIntervalSeconds: 0.5, batchSize: 2_000 };
const workers = 5;
let boss: Boss | null = null;
let open = 0;

async function start(): Promise<Boss> {
  const Class = PgBoss.default ?? PgBoss;
  const started = new Class({ connectionString: DATABASE_URL, supervise: false, schedule: false });
  started.on('error', (error) => console.error('pg-boss:', error.message));
  await started.start();
  await started.createQueue('herd');
  for (let worker = 0; worker < workers; worker++)
    await started.work('herd', polling, async (jobs) => {
      await Promise.all(jobs.map(({ data }) => call(data.number, data.instant)));
      open -= jobs.length;
    });
  return started;
}

answerQuestions({
  async prepare({ count, instant }: Work) {
    boss ??= await start();
    open = count;
    const startAfter = new Date(instant).toISOString();
    for (let from = 0; from < count; from += 1_000) {
      const jobs = Array.from({ length: Math.min(1_000, count - from) }, (_, place) => ({
        name: 'herd',
        data: { number: from + place + 1, instant },
        startAfter,
      }));
      await boss.insert('herd', jobs);
    }
  },
  async settled() {
    while (open > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    // The last batches are completed after their handler.
    await new Promise((resolve) => setTimeout(resolve, 500));
  },
});
