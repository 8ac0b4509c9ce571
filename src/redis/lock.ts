/**
 * The lock by which replicas avoid claiming the same occurrences. It is best effort: the primary key in Postgres is the
 * fence.
 */

export type OccurrenceLock = {
  /**
   * Takes the lock of each key for `owner`, for `ttlMs`. True where the owner has it now (also when it had it before).
   * Without a lock server all are true. Never rejects.
   */
  take(keys: readonly string[], owner: string, ttlMs: number): Promise<boolean[]>;
};

/** The lock of a single replica: every key is granted. */
export const noLock: OccurrenceLock = { take: async (keys) => keys.map(() => true) };
