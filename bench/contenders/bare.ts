/** The bare pipeline as a contender. */

import type { Later } from '../apparatus/cleanup.ts';
import { startScript } from '../apparatus/script.ts';
import type { Services } from '../apparatus/services.ts';
import type { Contender } from './contender.ts';

export async function startBare(later: Later, { createDatabase, redis, target }: Services): Promise<Contender> {
  const databaseUrl = await createDatabase('bare');
  const script = startScript(later, 'bare-pipeline.ts', {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis.url,
    TARGET_URL: target.url,
  });
  return {
    name: 'bare pipeline',
    databaseUrl,
    pids: () => [script.pid],
    leadMs: () => 6_000,
    prepare: (work) => script.ask('prepare', work),
    settled: () => script.ask('settled'),
    rest: script.rest,
  };
}
