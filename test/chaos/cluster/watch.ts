/**
 * Looks at the cluster every so often while a plan runs: clocks, orphaned runs, memory; and at its metrics at the end.
 */

import { type History, type MetricsRecord, recorderNow } from '../history.ts';
import type { Cluster } from './cluster.ts';

const everyMs = 500;

/** Samples until it is stopped. What cannot be asked just now is left out. */
export function startWatch(cluster: Cluster, into: Pick<History, 'offsets' | 'orphans'>): { stop(): Promise<void> } {
  let stopped = false;

  async function look(): Promise<void> {
    const asked = recorderNow();
    const [row] = await cluster.query<{ now: number; alive: number; runs: string[] | null }>(`
      select (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
        (select count(*)::integer from replicas where lease_until > clock_timestamp()) as alive,
        (select array_agg(id) from runs r where status = 'running' and heartbeat_due is null
          and not exists (select from replicas p where p.id = r.owner and p.lease_until > clock_timestamp())) as runs`);
    const answered = recorderNow();
    if (!row) return;
    into.offsets.push({ at: answered, least: row.now - answered, most: row.now - asked });
    into.orphans.push({ at: answered, alive: row.alive, runs: row.runs ?? [] });
  }

  async function weigh(): Promise<void> {
    for (const replica of cluster.replicas) {
      const memory = replica.alive() ? await replica.memory() : null;
      if (memory !== null) replica.record.rss.push(Math.round(memory));
    }
  }

  const done = (async () => {
    while (!stopped) {
      await Promise.all([look().catch(() => {}), weigh()]);
      await new Promise((resume) => setTimeout(resume, everyMs));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await done;
    },
  };
}

/** The counters of every replica that answers. */
export async function readMetrics(cluster: Cluster): Promise<MetricsRecord[]> {
  const records: MetricsRecord[] = [];
  for (const [replica, url] of cluster.urls.entries()) {
    const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) }).then(
      (answer) => answer.text(),
      () => null,
    );
    if (text === null) continue;
    const value = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
    const executions = [...text.matchAll(/^task_executions_total\{([^}]*)\} (\d+)/gm)].map(
      ([, labels = '', count]) => ({
        taskId: /task_name="([^"]*)"/.exec(labels)?.[1] ?? '',
        status: /status="([^"]*)"/.exec(labels)?.[1] ?? '',
        count: Number(count),
      }),
    );
    records.push({
      replica,
      executions,
      fenced: value(/^scheduler_fenced_writes_total (\d+)/m),
      takenOver: value(/^scheduler_taken_over_total (\d+)/m),
      repaired: value(/^scheduler_sweep_found_total\{outcome="repaired"\} (\d+)/m),
      missed: value(/^scheduler_sweep_found_total\{outcome="missed"\} (\d+)/m),
    });
  }
  return records;
}
