/** Gives a person or a group a role in a namespace, or in all of them. */

import type { Grant } from '../../domain/access/grants.ts';
import { faultOfSubject } from '../../domain/access/subject.ts';
import { timeOrderedId } from '../../domain/schedule/occurrence.ts';
import { ok } from '../../errors.ts';
import { type Binding, insertBinding } from '../../store/access/bindings.ts';
import { audited } from '../audit/audited.ts';
import { meaningless, type Outcome, refuse } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { refusalToGive, unknownNamespace } from './giving.ts';

export type NewBinding = Grant & { subject: string };

export const createBinding = useCase(
  'admin',
  async (context, caller, { subject, role, namespace }: NewBinding): Promise<Outcome<Binding>> => {
    const refused = await refusalToGive(context, caller, { role, namespace });
    if (refused !== null) return refused;
    const detail = faultOfSubject(subject);
    if (detail !== null) return meaningless([{ pointer: '#/subject', detail }]);
    const createdAt = context.now();
    const id = timeOrderedId(createdAt, context.random);
    const binding = { id, subject, role, namespace, createdAt, createdBy: caller.name };
    const done = await audited(context, caller, async (db, note) => {
      const result = await insertBinding(db, binding);
      if (result === 'made') await note({ namespace, type: 'binding.created', subject, data: { role } });
      return result;
    });
    if (done === 'no_namespace') return unknownNamespace(namespace);
    if (done === 'exists') return refuse('already_exists', `${subject} has the role ${role} there already`);
    context.forgetCallers();
    return ok(binding);
  },
);
