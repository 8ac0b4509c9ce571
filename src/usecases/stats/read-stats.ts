/** Reads how many runs ended in which way, in buckets of time. */

import { type Bucket, rangeOf, type StatsItem } from '../../domain/stats/stats.ts';
import { fault, ok } from '../../errors.ts';
import { type By, readStats as findStats } from '../../store/stats/read.ts';
import { meaningless } from '../refusal.ts';
import { useCase } from '../use-case.ts';

/** What is null gets its usual value; instants are epoch milliseconds. */
type ReadStats = { from: number | null; to: number | null; bucket: Bucket; by: By };

/** An answer has at most so many items. */
const mostItems = 10_000;

/** Those of the caller's namespace, by instant and key. */
export const readStats = useCase(
  'reader',
  async ({ database, now }, { namespace }, { bucket, by, ...asked }: ReadStats) => {
    const range = rangeOf({ ...asked, bucket }, now());
    if (!range.ok) return meaningless(range.errors);
    const query = { namespace, ...range.value, bucket, by, limit: mostItems + 1 };
    const items: StatsItem[] = await findStats(database.pool, query);
    if (items.length <= mostItems) return ok(items);
    return meaningless(
      fault('#/by', `gives more than ${mostItems} items: ask for a shorter time, longer buckets or another \`by\``)
        .errors,
    );
  },
);
