/** The log line of a change of a task. Its entry in the audit comes from the event of the change. */

import type { AuditEntry } from '../../store/audit/audit.ts';
import type { Author } from '../../store/events/events.ts';
import type { Task } from '../../store/tasks/row.ts';
import type { UseCaseContext } from '../context.ts';

/** To be called once the change is committed. What Punctual does by itself has no line. */
export function logChange(
  { logAudit }: Pick<UseCaseContext, 'logAudit'>,
  author: Author,
  type: AuditEntry['type'],
  { namespace, id }: Pick<Task, 'namespace' | 'id'>,
  data: AuditEntry['data'] = null,
): void {
  if (author.via !== null) logAudit({ namespace, type, subject: `task:${id}`, author, data });
}
