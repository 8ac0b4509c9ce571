/**
 * Makes the bindings that the setting ROLE_BINDINGS names, where they are not there yet. It deletes none: a binding whose
 * entry was taken from the setting stays until somebody deletes it by request.
 */

import type { Grant } from '../../domain/access/grants.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import { timeOrderedId } from '../../domain/schedule/occurrence.ts';
import { seedBinding } from '../../store/access/bindings.ts';
import { audited } from '../audit/audited.ts';
import type { UseCaseContext } from '../context.ts';
import { systemIn } from '../use-case.ts';

/** All replicas may do so at the same time. */
export async function seedBindings(
  context: Pick<UseCaseContext, 'database' | 'now' | 'logAudit' | 'random'>,
  wanted: readonly (Grant & { subject: string })[],
): Promise<void> {
  if (wanted.length === 0) return;
  const author = { ...systemIn(everyNamespace), name: 'settings' };
  // One order for all replicas: they wait for each other, and never in a circle.
  const sorted = [...wanted].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  await audited(context, author, async (db, note) => {
    for (const { subject, role, namespace } of sorted) {
      const createdAt = context.now();
      const id = timeOrderedId(createdAt, context.random);
      const isNew = await seedBinding(db, { id, subject, role, namespace, createdAt, createdBy: author.name });
      if (isNew) await note({ namespace, type: 'binding.created', subject, data: { role } });
    }
  });
}

const orderOf = ({ subject, namespace, role }: Grant & { subject: string }) =>
  JSON.stringify([subject, namespace, role]);
