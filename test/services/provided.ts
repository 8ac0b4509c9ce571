/** What the global set-up found and hands to every test file. */

import { inject } from 'vitest';

export type ProvidedPostgres =
  /** A server that takes connections at `adminUrl`; `template` is the migrated database to clone. */
  | { kind: 'server'; adminUrl: string; template: string; binaries: string | null }
  | { kind: 'embedded'; reason: string };

export type ProvidedRedis =
  /** The path of a `redis-server`, to start one's own. */
  | { kind: 'binary'; path: string }
  /** A server that others may use too: Docker's, or the one of TEST_REDIS_URL. */
  | { kind: 'url'; url: string }
  | { kind: 'none'; reason: string };

declare module 'vitest' {
  interface ProvidedContext {
    postgres: ProvidedPostgres;
    redis: ProvidedRedis;
  }
}

/** For `describe.skipIf(noRedis)`: there is no Redis here. Said loudly at the end of the run. */
export const noRedis: boolean = inject('redis').kind === 'none';

/** For `describe.skipIf(noPostgres)`: the tests run on the embedded store, with one session and no advisory locks. */
export const noPostgres: boolean = inject('postgres').kind === 'embedded';
