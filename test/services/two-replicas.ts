/** Starts two replicas of the built program on one database, as processes that are ready. */

import supertest from 'supertest';
import { poll } from '../poll.ts';
import { createDatabase } from './database.ts';
import { startReplica } from './process.ts';
import { noRedis } from './provided.ts';
import { createRedis } from './redis.ts';

type ReadyReplica = Awaited<ReturnType<typeof startReady>>;

async function startReady(env: Record<string, string>) {
  const replica = await startReplica({ env });
  const http = supertest(replica.url);
  await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
  return { ...replica, http };
}

/** With a Redis where there is one, unless `env` has an empty REDIS_URL; a database that is made for them. */
export async function startTwoReplicas(
  env: Record<string, string> = {},
): Promise<{ one: ReadyReplica; two: ReadyReplica; databaseUrl: string }> {
  const [database, redis] = await Promise.all([createDatabase(), noRedis ? null : createRedis()]);
  const whole = { DATABASE_URL: database.url, ...(redis && { REDIS_URL: redis.url }), ...env };
  const [one, two] = await Promise.all([startReady(whole), startReady(whole)]);
  return { one, two, databaseUrl: database.url };
}
