/** The lock that keeps replicas off each other's occurrences. Best effort: the primary key in Postgres is the fence. */

export type OccurrenceLock = {
  /**
   * Asks for each key in the name of `owner`, for `ttlMs`. True where the owner has it now (also when it had it
   * before). A lock server that cannot be asked refuses nobody: all are true. Never rejects.
   */
  take(keys: readonly string[], owner: string, ttlMs: number): Promise<boolean[]>;
};

/** The lock of a replica that is alone: everybody gets everything. */
export const noLock: OccurrenceLock = { take: async (keys) => keys.map(() => true) };
