/** How long a replica takes to load many stored tasks, and how much memory it has then. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrate } from '../src/store/migrate.ts';
import { findPostgres, pathFolders, postgresFolders } from '../test/services/find-binaries.ts';
import { startPostgres } from '../test/services/postgres-server.ts';

const { values } = parseArgs({
  options: { tasks: { type: 'string', default: '100000' }, expressions: { type: 'string', default: '500' } },
});
const tasks = Number(values.tasks);
const expressions = Number(values.expressions);

const binaries = await findPostgres([...pathFolders(), ...(await postgresFolders())]);
if (!binaries) throw new Error('there is no Postgres on this machine');
const postgres = await startPostgres(binaries, { fsync: 'on', synchronous_commit: 'on' });
await migrate(postgres.url);
const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
await client.query(
  `insert into tasks (id, name, labels, schedule, target, timeout_ms, retry, overlap, misfire, priority, status, active_from,
     created_at, updated_at)
   select 'task-' || n, 'Task ' || n, '{}',
     jsonb_build_object('cron', (n % $2) % 60 || ' ' || ((n % $2) / 60) % 24 || ' * * *',
       'timezone', (array['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'])[1 + n % 4]),
     '{"type": "http", "method": "POST", "url": "http://127.0.0.1:9/", "headers": {}, "successStatus": ["2xx"]}', 30000,
     '{"maxAttempts": 1, "backoff": "exponential", "minBackoff": "1s", "maxBackoff": "5m", "multiplier": 2, "jitter": 0.2, "retryOn": []}',
     'skip', '{"policy": "fire_once", "grace": "1m", "limit": 100}', 5, 'active', now(), now(), now()
   from generate_series(1, $1::integer) n`,
  [tasks, expressions],
);
await client.query('vacuum analyze tasks');
await client.end();

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const startedAt = performance.now();
const replica = spawn(process.execPath, [main], {
  env: { PATH: process.env.PATH, PORT: '0', DATABASE_URL: postgres.url },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let heldAt = startedAt;
for await (const line of createInterface({ input: replica.stdout })) {
  const { msg } = JSON.parse(line) as { msg: string };
  if (msg === 'the lease is held') heldAt = performance.now();
  if (msg === 'the timetable is loaded') break;
}
const loadedAt = performance.now();
const status = await readFile(`/proc/${replica.pid}/status`, 'utf8');
const rss = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
const figures = {
  workload: 'boot',
  tasks,
  expressions,
  fromStartMs: Math.round(loadedAt - startedAt),
  loadMs: Math.round(loadedAt - heldAt),
  rssMiB: rss('VmRSS'),
  peakRssMiB: rss('VmHWM'),
};
console.table(figures);
console.log(JSON.stringify(figures));
replica.kill('SIGTERM');
await once(replica, 'exit');
await postgres.close();
