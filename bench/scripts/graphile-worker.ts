/** Graphile Worker on a herd: a job with `run_at` for each task. */

import pg from 'pg';
import { answerQuestions } from '../apparatus/answering.ts';
import { createCalls } from '../contenders/calls.ts';
import type { Work } from '../contenders/contender.ts';
import { loadPackage } from '../contenders/packages.ts';

type Payload = { number: number; instant: number };
type GraphileWorker = {
  Logger: new (factory: () => () => void) => object;
  run(options: object): Promise<unknown>;
};

const { DATABASE_URL = '', TARGET_URL = '' } = process.env;
const { run, Logger } = loadPackage<GraphileWorker>('graphile-worker');
const { call } = createCalls(TARGET_URL);
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 1 });
let started: Promise<unknown> | null = null;
let open = 0;

/** Jobs fetched and completed in batches: by far the fastest way to run it. */
function start(): Promise<unknown> {
  return run({
    connectionString: DATABASE_URL,
    concurrency: 200,
    maxPoolSize: 10,
    pollInterval: 500,
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
    taskList: {
      async call({ number, instant }: Payload) {
        await call(number, instant);
        open--;
      },
    },
    preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
}

answerQuestions({
  async prepare({ count, instant }: Work) {
    started ??= start();
    await started;
    open = count;
    await pool.query(
      `select count(*) from graphile_worker.add_jobs(array(
         select ('call', json_build_object('number', n, 'instant', $2::bigint), null, to_timestamp($2::bigint / 1000.0), 1,
           null, 0::smallint, null)::graphile_worker.job_spec from generate_series(1, $1::integer) n))`,
      [count, instant],
    );
  },
  async settled() {
    while (open > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    for (;;) {
      const { rows } = await pool.query('/* bench */ select count(*)::integer as left from graphile_worker.jobs');
      if (rows[0]?.left === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
});
