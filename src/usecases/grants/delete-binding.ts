/** Takes a role from a person or a group: within a second it is without effect on every replica. */

import { adminScope } from '../../domain/access/grants.ts';
import { isUuid } from '../../domain/input/uuid.ts';
import { ok } from '../../errors.ts';
import { deleteBinding as removeBinding } from '../../store/access/bindings.ts';
import { endSessionsWithoutRole } from '../../store/access/sessions.ts';
import { audited } from '../audit/audited.ts';
import { notFound, type Outcome } from '../refusal.ts';
import { useCase } from '../use-case.ts';

export const deleteBinding = useCase('admin', async (context, caller, id: string): Promise<Outcome<null>> => {
  if (!isUuid(id)) return notFound(`binding "${id}"`);
  const gone = await audited(context, caller, async (db, note) => {
    const binding = await removeBinding(db, id, adminScope(caller.grants));
    if (binding !== null) {
      const { namespace, subject, role } = binding;
      // One that waited for its next request would come back to life with the next binding of the person.
      await endSessionsWithoutRole(db);
      await note({ namespace, type: 'binding.deleted', subject, data: { role } });
    }
    return binding;
  });
  if (gone === null) return notFound(`binding "${id}"`);
  context.forgetCallers();
  return ok(null);
});
