/** Writes down in the audit that somebody could not sign in. */

import { everyNamespace } from '../../domain/access/namespace.ts';
import { audited } from '../audit/audited.ts';
import type { UseCaseContext } from '../context.ts';
import type { Visitor } from './visitor.ts';

/** `subject` is null where it is not known who it was. `reason` is a sentence without anything secret. */
export async function refuseSignIn(
  context: Pick<UseCaseContext, 'database' | 'now' | 'logAudit'>,
  visitor: Visitor,
  { subject, reason }: { subject: string | null; reason: string },
): Promise<void> {
  const author = { ...visitor, name: subject ?? 'anonymous', via: 'none', namespace: everyNamespace } as const;
  await audited(context, author, (_db, note) => note({ type: 'sign_in_refused', subject, data: { reason } }));
}
