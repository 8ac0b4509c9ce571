/** The keys and bindings of the database, as a replica knows them: never older than a second. */

import type { Grant } from '../../domain/access/grants.ts';
import type { FoundKey } from '../../store/access/keys.ts';
import { createRemembered } from './remembered.ts';

export type Directory = {
  /** The key of a SHA-256 in lower-case hex; null where there is none. Rejects when the database cannot be read. */
  keyOf(hash: string): Promise<FoundKey | null>;
  /** All grants of some subjects, such as `user:ann` and `group:ops`. Rejects when the database cannot be read. */
  grantsOf(subjects: readonly string[]): Promise<Grant[]>;
  /** To be called after keys or bindings were changed here, so that this replica knows at once. */
  forget(): void;
};

export type DirectoryOptions = {
  /** Reads the keys of some hashes. */
  findKeys: (hashes: readonly string[]) => Promise<ReadonlyMap<string, FoundKey>>;
  /** Reads the grants of some subjects. */
  findGrants: (subjects: readonly string[]) => Promise<ReadonlyMap<string, readonly Grant[]>>;
  monotonic: () => number;
};

export function createDirectory({ findKeys, findGrants, monotonic }: DirectoryOptions): Directory {
  const keys = createRemembered({ read: findKeys, monotonic });
  const grants = createRemembered({ read: findGrants, monotonic });
  return {
    keyOf: keys.get,
    async grantsOf(subjects) {
      const found = await Promise.all(subjects.map(grants.get));
      return found.flatMap((each) => each ?? []);
    },
    forget() {
      keys.forget();
      grants.forget();
    },
  };
}
