/** The values that all replicas of one database share. */

import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { cluster } from '../schema.ts';

/**
 * `id` separates the Redis keys of two databases, and makes the ids of their runs different. The tokens of runs are
 * made with `secret`.
 */
export type Cluster = Row<typeof cluster, 'id' | 'secret'>;

/** This database's cluster; the first caller makes it. */
export async function readCluster(db: Queryable): Promise<Cluster> {
  await db.query('insert into cluster (watermark) values (clock_timestamp()) on conflict (singleton) do nothing');
  const { rows } = await db.query<Cluster>('select id, secret from cluster');
  if (!rows[0]) throw new Error('the row of the cluster is missing');
  return rows[0];
}
