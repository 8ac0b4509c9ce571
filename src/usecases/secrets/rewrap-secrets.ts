/** Wraps the data keys of all secrets by the newest key, so that older keys can be taken away. */

import { rewrap } from '../../domain/secrets/sealing.ts';
import { ok } from '../../errors.ts';
import { countToRewrap, type Rewrapped, rewrapPage, type SecretName } from '../../store/secrets/values.ts';
import { audited } from '../audit/audited.ts';
import type { Outcome } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { ringOf } from './secret-keys.ts';

/** In secrets. A page is one transaction. */
const pageSize = 100;
/** How long one request goes on taking pages, in milliseconds: less than proxies wait. */
const longestMs = 20_000;

/**
 * All namespaces. `remaining` counts those that another key still wraps: a further call goes on with them, unless
 * their key is not among the keys of this replica. Values can be used, set and deleted meanwhile.
 */
export const rewrapSecrets = useCase(
  'owner',
  async (context, caller, _: null): Promise<Outcome<{ rewrapped: number; remaining: number }>> => {
    const { database, now, random } = context;
    const keys = await ringOf(context);
    if (!keys.ok) return keys;
    const { ring, newest } = keys.value;
    const until = now() + longestMs;
    let rewrapped = 0;
    let after: SecretName | null = null;
    do {
      const from: SecretName | null = after;
      const page: Rewrapped = await audited(context, caller, async (db, note) => {
        const done = await rewrapPage(db, newest.id, from, pageSize, ({ place, sealed }) => {
          const again = rewrap(ring, place, sealed, random);
          return again.ok ? again.value : null;
        });
        if (done.count > 0) await note({ type: 'secret.rewrapped', subject: null, data: { count: done.count } });
        return done;
      });
      rewrapped += page.count;
      after = page.last;
    } while (after !== null && now() < until);
    return ok({ rewrapped, remaining: await countToRewrap(database.pool, newest.id) });
  },
);
