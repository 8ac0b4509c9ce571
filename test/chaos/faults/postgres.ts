/** Faults of Postgres: crashed, frozen, throwing everybody out, full, locked, and commits whose end nobody hears. */

import pg from 'pg';
import type { Gate } from '../cluster/gate.ts';
import { signalTree } from '../cluster/processes.ts';
import { during, type Fault, type FaultContext, sleep } from './fault.ts';

export const postgresFault: Fault<'postgres'> = async (context, { how, for: length }) => {
  const { postgres } = context.cluster;
  const wait = () => context.seconds(length);
  if (how === 'crash') {
    await postgres.crash();
    return during(wait(), () => postgres.start());
  }
  if (how === 'freeze') {
    const pid = postgres.pid();
    await signalTree(pid, 'SIGSTOP');
    return during(wait(), () => signalTree(pid, 'SIGCONT'));
  }
  if (how === 'terminate') return terminateEverySecond(context, length);
  if (how === 'slow-commit') return slowCommits(context, length);
  if (how === 'exhaust') return useUpConnections(context, length);
  const client = await connect(context);
  await client.query('begin');
  await client.query('lock table runs, tasks in access exclusive mode');
  await during(wait(), () => client.end());
};

async function connect({ cluster }: FaultContext): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: cluster.postgres.url,
    connectionTimeoutMillis: 2_000,
    application_name: 'chaos',
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

const throwOut = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name like 'punctual%'`;

async function terminateEverySecond(context: FaultContext, length: number): Promise<void> {
  const client = await connect(context);
  let over = false;
  const throwing = (async () => {
    while (!over) {
      await client.query(throwOut);
      await sleep(1_000);
    }
  })();
  await during(context.seconds(length), async () => {
    over = true;
    await throwing;
    await client.end();
  });
}

/** Every commit takes 90 ms more, as with a slow disk or a standby that has to confirm it. */
async function slowCommits(context: FaultContext, length: number): Promise<void> {
  const { query } = context.cluster;
  const set = async (delay: number, siblings: number) => {
    await query(`alter system set commit_delay = ${delay}`);
    await query(`alter system set commit_siblings = ${siblings}`);
    await query('select pg_reload_conf()');
  };
  await set(90_000, 0);
  await during(context.seconds(length), () => set(0, 5));
}

/** Takes every connection that is left, throws the replicas out of theirs, and takes those too. */
async function useUpConnections(context: FaultContext, length: number): Promise<void> {
  const held: pg.Client[] = [];
  const fill = async () => {
    for (;;) {
      const client = await connect(context).catch(() => null);
      if (client === null) return;
      held.push(client);
    }
  };
  await fill();
  await held[0]?.query(throwOut);
  await fill();
  context.history.notes.push(`held ${held.length} connections`);
  await during(context.seconds(length), () => Promise.all(held.map((client) => client.end().catch(() => {}))));
}

const watched = new Set([
  'claim',
  'claim-limited',
  'complete',
  'take-waiting',
  'insert-tasks',
  'insert-manual-run',
  'update-task',
  'delete-task',
  'rescue-runs-of-dead',
  'commit',
]);

/** A share of all commits is cut off: applied with the answer lost, or never applied. */
export const commitFault: Fault<'commit'> = async (context, { how, for: length, share }) => {
  const { cluster, history, random } = context;
  let cut = 0;
  const gate: Gate = {
    wants(statement, moment) {
      if (!watched.has(statement)) return false;
      // A transaction's own `commit` is a simple query: it has not been applied as long as it has not been asked.
      if (how === 'answer-cut') return moment === 'committed';
      return statement === 'commit' ? moment === 'asked' : moment === 'executed';
    },
    act() {
      if (random.share() >= share) return 'go';
      cut++;
      return 'reset';
    },
  };
  for (const { postgres } of cluster.wires) postgres.watch(gate);
  await during(context.seconds(length), async () => {
    for (const { postgres } of cluster.wires) postgres.watch(null);
    history.notes.push(`${cut} commits were cut off (${how})`);
  });
};
