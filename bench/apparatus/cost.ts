/** What a piece of work cost: CPU of every process, statements of Postgres, commands of Redis. */

import { askRedis } from '../../test/services/redis-command.ts';
import { cores, cpuSeconds, machineCpuSeconds } from './processes.ts';
import { queryOnce, type Services } from './services.ts';

export type Cost = {
  /** CPU seconds by who used them. */
  cpu: { contender: number; postgres: number; redis: number; target: number };
  /** Share of the machine (0 … 1) that went to others meanwhile: where it is not small, the figures are theirs too. */
  othersShare: number;
  /** Statements by their text, most frequent first; null where Postgres cannot count them by text. */
  statements: { text: string; calls: number; ms: number }[] | null;
  /** Statements in all; transactions where Postgres cannot count statements. */
  statementCount: number;
  /** Commands by name, those of scripts included. */
  commands: Record<string, number>;
};

/** In every statement of the bench itself, so that it is not counted. */
export const benchMark = '/* bench */';

/** Begins to count for the processes of a contender and its database. The returned function ends it. */
export async function startCost(
  { postgres, redis, target }: Services,
  contender: { pids: readonly number[]; databaseUrl: string },
): Promise<() => Promise<Cost>> {
  const own = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  const read = () => ({
    contender: cpuSeconds(contender.pids),
    postgres: cpuSeconds([postgres.pid]),
    redis: cpuSeconds([redis.pid]),
    target: cpuSeconds([target.pid]),
    own: own(),
    machine: machineCpuSeconds(),
    at: performance.now(),
  });
  if (postgres.countsStatements) await queryOnce(postgres.adminUrl, 'select pg_stat_statements_reset()');
  const transactionsBefore = await transactions(contender.databaseUrl);
  await askRedis(redis.url, (client) => client.config('RESETSTAT'));
  const before = read();
  return async () => {
    const after = read();
    const used = (name: keyof typeof before) => after[name] - before[name];
    const ours = used('contender') + used('postgres') + used('redis') + used('target') + used('own');
    const others = Math.max(0, used('machine') - ours) / ((cores * used('at')) / 1_000);
    const commands = await askRedis(redis.url, readCommands);
    const statements = postgres.countsStatements
      ? await readStatements(postgres.adminUrl, contender.databaseUrl)
      : null;
    const statementCount =
      statements?.reduce((sum, { calls }) => sum + calls, 0) ??
      (await transactions(contender.databaseUrl)) - transactionsBefore;
    return {
      cpu: {
        contender: used('contender'),
        postgres: used('postgres'),
        redis: used('redis'),
        target: used('target'),
      },
      othersShare: others,
      statements,
      statementCount,
      commands,
    };
  };
}

/** Microseconds of CPU that one of `runs` took, of all processes but the target. */
export function cpuPerRun({ cpu }: Cost, runs: number): number {
  return ((cpu.contender + cpu.postgres + cpu.redis) * 1e6) / runs;
}

async function readStatements(
  adminUrl: string,
  databaseUrl: string,
): Promise<{ text: string; calls: number; ms: number }[]> {
  const rows = await queryOnce(
    adminUrl,
    `select left(regexp_replace(query, '\\s+', ' ', 'g'), 160) as text, sum(calls)::float8 as calls,
       sum(total_exec_time) as ms
     from pg_stat_statements s join pg_database d on d.oid = s.dbid
     where d.datname = $1 and query not like $2 group by 1 order by 2 desc`,
    [new URL(databaseUrl).pathname.slice(1), `%${benchMark}%`],
  );
  return rows as { text: string; calls: number; ms: number }[];
}

async function transactions(databaseUrl: string): Promise<number> {
  const [row] = await queryOnce(
    databaseUrl,
    `${benchMark} select (xact_commit + xact_rollback)::float8 as count from pg_stat_database where datname = current_database()`,
  );
  return (row as { count: number }).count;
}

async function readCommands(client: { info(section: string): Promise<string> }): Promise<Record<string, number>> {
  const text = await client.info('commandstats');
  const ofTheBench = new Set(['info', 'config|resetstat', 'auth']);
  const found = [...text.matchAll(/cmdstat_(\S+):calls=(\d+)/g)].map(
    ([, name, calls]) => [name, Number(calls)] as const,
  );
  return Object.fromEntries(found.filter(([name]) => name !== undefined && !ofTheBench.has(name)));
}
