/** What the replicas of one database have in common. */

import type { Queryable } from './database.ts';

/** The id of this database's cluster, made by whoever asks first; it keeps the Redis keys of two databases apart. */
export async function clusterId(db: Queryable): Promise<string> {
  await db.query('insert into cluster (watermark) values (clock_timestamp()) on conflict (singleton) do nothing');
  const { rows } = await db.query<{ id: string }>('select id from cluster');
  if (!rows[0]) throw new Error('the row of the cluster is missing');
  return rows[0].id;
}
