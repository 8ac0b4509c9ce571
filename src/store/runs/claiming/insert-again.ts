/** Runs for occurrences whose first run was cancelled before it began. */

import type { Queryable } from '../../postgres/database.ts';
import { insertRuns, newRun, waits } from '../transitions.ts';
import { policyColumns } from './claims.ts';

/** A UUIDv7 of its instant, as of any run that is asked for. */
const id = `(substr(hex, 1, 8) || '-' || substr(hex, 9) || '-7' || substr(gen_random_uuid()::text, 16))::uuid`;

/**
 * Inserts a run of its own for each of these instants (epoch milliseconds): the cancelled one stays cancelled. It
 * waits to be taken, in line where the task forbids overlap. Gives back how many were inserted.
 */
export async function insertAgain(
  db: Queryable,
  uid: number,
  instants: readonly number[],
  now: number,
): Promise<number> {
  if (instants.length === 0) return 0;
  const { rowCount } = await db.query({
    name: 'insert-again',
    text: `
      with due as (
        select to_timestamp(ms / 1000.0) as at, lpad(to_hex(ms), 12, '0') as hex from unnest($2::bigint[]) as d(ms)
      )
      ${insertRuns({
        ...newRun({ id, trigger: `'retry'::run_trigger`, scheduledFor: 'at', dueAt: 'at', now: '$3::timestamptz' }),
        ...waits(`case when overlap = 'allow' then null else 2 end`, '$3::timestamptz'),
      })}
      from due, (select t.uid, t.overlap, t.priority, t.retry, ${policyColumns} from tasks t where t.uid = $1) task`,
    values: [uid, instants, new Date(now).toISOString()],
  });
  return rowCount ?? 0;
}
