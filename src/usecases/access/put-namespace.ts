/** Makes a namespace, or changes one. */

import { type NamespaceDefinition, type NamespaceInput, readNamespace } from '../../domain/access/namespace-input.ts';
import { ok } from '../../errors.ts';
import { holdNamespace, insertNamespace, type Namespace, updateNamespace } from '../../store/access/namespaces.ts';
import { audited } from '../audit/audited.ts';
import { holdQuotas } from '../quotas.ts';
import { meaningless, type Outcome, refuse } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { changesOf } from './changes-of.ts';

/** The form of `input` has been checked. */
type PutNamespace = { id: string; input: NamespaceInput };

export const putNamespace = useCase(
  'owner',
  async (
    context,
    caller,
    { id, input }: PutNamespace,
  ): Promise<Outcome<{ namespace: Namespace; created: boolean }>> => {
    const read = readNamespace(id, input, context.faultInAddressRule);
    if (!read.ok) return meaningless(read.errors);
    const now = context.now();
    const written = await audited(context, caller, async (db, note) => {
      const entry = { subject: `namespace:${id}`, namespace: id };
      const made = await insertNamespace(db, id, read.value, now);
      if (made !== null) {
        await note({ ...entry, type: 'namespace.created', data: changesOf<NamespaceDefinition>(null, read.value) });
        return { namespace: made, created: true };
      }
      const before = await holdNamespace(db, id);
      if (before === null || before.closing) return null;
      const namespace = await updateNamespace(db, id, read.value, now);
      await note({ ...entry, type: 'namespace.updated', data: changesOf<NamespaceDefinition>(before, read.value) });
      return namespace && { namespace, created: false };
    });
    if (written === null)
      return refuse('illegal_transition', `namespace "${id}" is being deleted; make it again when it is gone`);
    context.signal('namespaces');
    // This replica goes by the new rules from now on. Where it cannot read them now, its loop does.
    await context.namespaces.refresh().catch(() => {});
    await holdQuotas(context, id);
    return ok(written);
  },
);
