/** Deletes a namespace: an empty one, or with all that it holds. */

import { defaultNamespace } from '../../domain/access/namespace.ts';
import { ok } from '../../errors.ts';
import { closeNamespace, type Holdings, readHoldings } from '../../store/access/closing.ts';
import { holdNamespace } from '../../store/access/namespaces.ts';
import { audited } from '../audit/audited.ts';
import { notFound, type Outcome, type Refused, refuse } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { type ClosingState, finishClosing } from './finish-closing.ts';

/** `cascade`: stops its tasks, lets its runs end, and deletes all that it holds. */
type DeleteNamespace = { id: string; cascade: boolean };

/** How long the request waits for the end, in milliseconds. Afterwards it comes without the request. */
const waitMs = 5_000;
const lookEveryMs = 50;

/** Whether it is gone. Nothing can be made in it once this is answered; where it is not gone, it goes by itself. */
export const deleteNamespace = useCase(
  'owner',
  async (context, caller, { id, cascade }: DeleteNamespace): Promise<Outcome<{ gone: boolean }>> => {
    if (id === defaultNamespace) return refuse('in_use', 'the namespace "default" cannot be deleted');
    const refused = await audited(context, caller, async (db, note): Promise<Refused | null> => {
      const found = await holdNamespace(db, id, 'update');
      if (found === null) return notFound(`namespace "${id}"`);
      const held = cascade ? null : heldIn(await readHoldings(db, id));
      if (held !== null && !found.closing) return inUse(id, held);
      if (found.closing && !cascade) return null;
      await closeNamespace(db, id, cascade, context.now());
      if (!found.closing)
        await note({ type: 'namespace.deleted', subject: `namespace:${id}`, namespace: id, data: { cascade } });
      return null;
    });
    if (refused !== null) return refused;
    context.signal('namespaces');
    await context.namespaces.refresh().catch(() => {});
    let state: ClosingState = await finishClosing(context, id);
    const until = context.now() + waitMs;
    while (state === 'draining' && context.now() < until) {
      await context.pause(lookEveryMs);
      state = await finishClosing(context, id);
    }
    // A task came in at the same moment.
    if (state === 'open') return inUse(id, 'tasks');
    return ok({ gone: state === 'gone' });
  },
);

/** The objects in words, such as `2 tasks and 1 secret`; null where there are none. */
function heldIn(holdings: Holdings): string | null {
  const parts = Object.entries(holdings)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${count === 1 ? name.slice(0, -1) : name}`);
  return parts.length === 0 ? null : parts.join(', ');
}

function inUse(id: string, held: string): Refused {
  return refuse('in_use', `namespace "${id}" holds ${held}; delete them first, or all with ?cascade=true`);
}
