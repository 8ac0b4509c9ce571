/** Lists the secrets of a namespace, without their values. */

import { ok } from '../../errors.ts';
import { listSecrets as readSecrets } from '../../store/secrets/secrets.ts';
import type { Outcome } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { secretsOff } from './secret-keys.ts';
import { type UsedSecret, withUsers } from './used-secret.ts';

type ListSecrets = { after: string | null; limit: number };

/** By name, those after `after`; `more` says that others follow. */
export const listSecrets = useCase(
  'admin',
  async (
    context,
    { namespace },
    { after, limit }: ListSecrets,
  ): Promise<Outcome<{ items: UsedSecret[]; more: boolean }>> => {
    const off = secretsOff(context);
    if (off !== null) return off;
    const db = context.database.pool;
    const found = await readSecrets(db, namespace, after, limit + 1);
    return ok({ items: await withUsers(db, namespace, found.slice(0, limit)), more: found.length > limit });
  },
);
