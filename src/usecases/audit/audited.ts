/** Changes that the audit tells about: one transaction for the change and its entry, and a log line after it. */

import { type AuditEntry, noteAudit } from '../../store/audit/audit.ts';
import { inTransaction, type Queryable } from '../../store/postgres/database.ts';
import type { UseCaseContext } from '../context.ts';
import { authorOf, type Doer } from '../use-case.ts';

/** What an entry says besides its author. The namespace is the caller's where none is given. */
export type Note = Pick<AuditEntry, 'type' | 'subject'> & Partial<Pick<AuditEntry, 'namespace' | 'data'>>;

/**
 * Runs `work` in one transaction. Each call of `note` writes an entry of the audit in it; the log lines follow the
 * commit. As with `inTransaction`, `work` may be run again.
 */
export async function audited<T>(
  { database, now, logAudit }: Pick<UseCaseContext, 'database' | 'now' | 'logAudit'>,
  caller: Doer,
  work: (db: Queryable, note: (entry: Note) => Promise<void>) => Promise<T>,
): Promise<T> {
  let entries: AuditEntry[] = [];
  const result = await inTransaction(database, (db) => {
    entries = [];
    return work(db, async (given) => {
      const entry = { namespace: caller.namespace, data: null, ...given, author: authorOf(caller) };
      await noteAudit(db, entry, now());
      entries.push(entry);
    });
  });

  entries.forEach(logAudit);
  return result;
}
