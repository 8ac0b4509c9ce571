/** Deletes an API key: within a second every replica refuses it. */

import { adminScope } from '../../domain/access/grants.ts';
import { isUuid } from '../../domain/input/uuid.ts';
import { ok } from '../../errors.ts';
import { deleteKey as removeKey } from '../../store/access/keys.ts';
import { audited } from '../audit/audited.ts';
import { notFound, type Outcome } from '../refusal.ts';
import { useCase } from '../use-case.ts';

export const deleteKey = useCase('admin', async (context, caller, id: string): Promise<Outcome<null>> => {
  if (!isUuid(id)) return notFound(`key "${id}"`);
  const gone = await audited(context, caller, async (db, note) => {
    const key = await removeKey(db, id, adminScope(caller.grants));
    if (key !== null) {
      const { namespace, name, role } = key;
      await note({ namespace, type: 'key.deleted', subject: `key:${name}`, data: { role } });
    }
    return key;
  });
  if (gone === null) return notFound(`key "${id}"`);
  context.forgetCallers();
  return ok(null);
});
