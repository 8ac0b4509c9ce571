/** Deletes a secret that no task uses, or any with force. */

import { ok } from '../../errors.ts';
import { findSecret, deleteSecret as removeSecret } from '../../store/secrets/secrets.ts';
import { usersOf } from '../../store/secrets/uses.ts';
import { audited } from '../audit/audited.ts';
import { notFound, type Outcome, refuse } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { secretsOff } from './secret-keys.ts';

type DeleteSecret = { name: string; force: boolean };

/** So many users are named in a refusal. */
const mostNamed = 5;

/** With `force` the runs of tasks that use it fail from now on. */
export const deleteSecret = useCase(
  'admin',
  async (context, caller, { name, force }: DeleteSecret): Promise<Outcome<null>> => {
    const off = secretsOff(context);
    if (off !== null) return off;
    const { namespace } = caller;
    const done = await audited(context, caller, async (db, note): Promise<Outcome<null>> => {
      // A task that is being written with this secret holds it: its use is seen below, or it finds the secret gone.
      const secret = await findSecret(db, namespace, name, true);
      if (secret === null) return notFound(`secret "${name}"`);
      const users = (await usersOf(db, namespace, [name], mostNamed + 1)).get(name) ?? [];
      if (users.length > 0 && !force) return refuse('in_use', inUse(name, users));
      await removeSecret(db, namespace, name);
      await note({
        type: 'secret.deleted',
        subject: `secret:${name}`,
        data: users.length > 0 ? { force: true } : null,
      });
      return ok(null);
    });
    if (done.ok) context.signal('secrets');
    return done;
  },
);

function inUse(name: string, users: readonly string[]): string {
  const named = users.slice(0, mostNamed).map((id) => `"${id}"`);
  const more = users.length > mostNamed ? ' and more' : '';
  return `the secret "${name}" is used by ${named.join(', ')}${more}; change these tasks first, or send ?force=true`;
}
