/** A secret as it is shown: with the tasks that use it. */

import type { Queryable } from '../../store/postgres/database.ts';
import type { Secret } from '../../store/secrets/secrets.ts';
import { usersOf } from '../../store/secrets/uses.ts';

/** `usedBy`: the ids of the oldest 100 tasks that use it; `hasMore`: whether others do too. */
export type UsedSecret = Secret & { usedBy: string[]; hasMore: boolean };

const mostShown = 100;

/** These secrets of a namespace with their users. */
export async function withUsers(db: Queryable, namespace: string, secrets: readonly Secret[]): Promise<UsedSecret[]> {
  const names = secrets.map(({ name }) => name);
  const users = await usersOf(db, namespace, names, mostShown + 1);
  return secrets.map((secret) => {
    const ids = users.get(secret.name) ?? [];
    return { ...secret, usedBy: ids.slice(0, mostShown), hasMore: ids.length > mostShown };
  });
}
