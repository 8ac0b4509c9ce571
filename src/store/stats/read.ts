/** Reads the counts of a namespace in buckets of time, with percentiles. */

import { msOfBucket } from '../../domain/stats/histogram.ts';
import type { Bucket, StatsItem } from '../../domain/stats/stats.ts';
import type { Queryable } from '../postgres/database.ts';
import { bucketOf, countOf } from './histograms.ts';

/** What the counts are split by; a label has a name. */
export type By = { kind: 'none' | 'status' | 'task' } | { kind: 'label'; name: string };

export type StatsQuery = {
  namespace: string;
  /** The beginnings of the first bucket and of the first one beyond, in epoch milliseconds. */
  from: number;
  to: number;
  bucket: Bucket;
  by: By;
  /** At most so many items. */
  limit: number;
};

const lengths: Record<Bucket, string> = { '1m': '1 minute', '1h': '1 hour', '1d': '1 day' };

/** An equals sign goes before a key, so that the empty text stands for none. */
const keys: Record<By['kind'], string> = {
  none: `''`,
  status: `'=' || c.status`,
  task: `coalesce('=' || coalesce(t.id, s.id), '')`,
  label: `coalesce('=' || (coalesce(t.labels, s.labels) ->> $5), '')`,
};

const statusCount = (status: string) => `coalesce(sum(runs) filter (where status = '${status}'), 0)::float8`;

/** `percent` of a kind of value (0 for lateness, 1 for durations). */
const percentile = (kind: number, percent: number) =>
  `min(bucket) filter (where kind = ${kind} and upto >= total * ${percent / 100})::integer`;

const statsText = (bucket: Bucket, by: By['kind']) => {
  const columns = 'c.at, c.task_uid, c.status, c.runs, c.lateness, c.duration';
  const wanted = `c.namespace = $1 and c.at >= $2 and c.at < $3
    and c.task_uid ${by === 'task' || by === 'label' ? '<>' : '='} 0`;
  const minutes = `select ${columns} from stats_minutes c where ${wanted}`;
  const counts =
    bucket === '1m'
      ? minutes
      : `select ${columns} from stats_hours c where ${wanted}
         union all ${minutes} and c.pass > (select copied_pass from stats_state)`;
  const names =
    by === 'task' || by === 'label'
      ? 'left join tasks t on t.uid = c.task_uid left join stats_tasks s on s.uid = c.task_uid'
      : '';
  return `
    with keyed as materialized (
      select date_bin(interval '${lengths[bucket]}', c.at, 'epoch') as at, ${keys[by]} as key,
        c.status, c.runs, c.lateness, c.duration
      from (${counts}) c ${names}
    ), buckets as (
      select at, key, 0 as kind, ${bucketOf('e')} as bucket, sum(${countOf('e')}) as n
      from keyed, unnest(lateness) e group by 1, 2, 4
      union all
      select at, key, 1, ${bucketOf('e')}, sum(${countOf('e')}) from keyed, unnest(duration) e group by 1, 2, 4
    ), places as (
      select at, key, kind, bucket, sum(n) over (partition by at, key, kind order by bucket) as upto,
        sum(n) over (partition by at, key, kind) as total
      from buckets
    ), parts (at, key, status, runs, late50, late99, took50, took99) as (
      select at, key, status, sum(runs), null::integer, null::integer, null::integer, null::integer from keyed group by 1, 2, 3
      union all
      select at, key, null, null, ${percentile(0, 50)}, ${percentile(0, 99)}, ${percentile(1, 50)}, ${percentile(1, 99)}
      from places group by 1, 2
    )
    select extract(epoch from at)::float8 * 1000, key, ${[
      'succeeded',
      'failed',
      'timed_out',
      'lost',
      'cancelled',
      'skipped',
      'missed',
    ]
      .map(statusCount)
      .join(', ')}, max(late50), max(late99), max(took50), max(took99)
    from parts group by at, key order by at, key collate "C" limit $4`;
};

type StatsRow = [at: number, key: string, ...counts: number[]];

/** Those buckets that have counts, by their instants and keys. The key is null where a run has none. */
export async function readStats(db: Queryable, query: StatsQuery): Promise<StatsItem[]> {
  const { namespace, from, to, bucket, by, limit } = query;
  const { rows } = await db.query({
    name: `stats-${bucket}-${by.kind}`,
    rowMode: 'array',
    text: statsText(bucket, by.kind),
    values: [
      ...[namespace, new Date(from).toISOString(), new Date(to).toISOString(), limit],
      ...(by.kind === 'label' ? [by.name] : []),
    ],
  });
  return (rows as unknown as StatsRow[]).map(itemOf);
}

function itemOf([at, key, succeeded, failed, timed_out, lost, cancelled, skipped, missed, ...found]: StatsRow) {
  const [p50LatenessMs, p99LatenessMs, p50DurationMs, p99DurationMs] = found.map(msOf);
  return {
    ...{ at, key: key === '' ? null : key.slice(1) },
    ...{ succeeded, failed, timed_out, lost, cancelled, skipped, missed },
    ...{ p50LatenessMs, p99LatenessMs, p50DurationMs, p99DurationMs },
  } as StatsItem;
}

const msOf = (bucket: number | null) => (bucket === null ? null : msOfBucket(bucket));
