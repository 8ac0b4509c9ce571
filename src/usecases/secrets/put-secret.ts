/** Sets the value of a secret, which nobody can read again. */

import { sealValue } from '../../domain/secrets/sealing.ts';
import { largestSecret } from '../../domain/secrets/secret.ts';
import { ok } from '../../errors.ts';
import { listGrantedNamespaces } from '../../store/access/granted-namespaces.ts';
import { admitSecret } from '../../store/access/quotas.ts';
import { findSecret, type Secret, writeSecret } from '../../store/secrets/secrets.ts';
import { audited } from '../audit/audited.ts';
import { quotaExceeded } from '../quotas.ts';
import { meaningless, notFound, type Outcome, refuse } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { ringOf } from './secret-keys.ts';
import { type UsedSecret, withUsers } from './used-secret.ts';

/** `description`: undefined leaves a stored one as it is, null removes it. */
type PutSecret = { name: string; value: string; description: string | null | undefined };

/** Each retry means that somebody else set the same secret meanwhile. */
const mostTries = 20;

/** The secret without its value. Every replica uses the new value within about a second. */
export const putSecret = useCase(
  'admin',
  async (context, caller, put: PutSecret): Promise<Outcome<UsedSecret & { created: boolean }>> => {
    const { database, now, random, signal } = context;
    const { namespace } = caller;
    const { name, value, description } = put;
    const keys = await ringOf(context);
    if (!keys.ok) return keys;
    if (Buffer.byteLength(value) > largestSecret)
      return meaningless([{ pointer: '#/value', detail: `must be at most ${largestSecret} bytes` }]);
    for (let tries = 0; tries < mostTries; tries++) {
      const before = await findSecret(database.pool, namespace, name);
      const place = { namespace, name, version: (before?.version ?? 0) + 1 };
      const sealed = sealValue(keys.value.ring, place, value, random);
      if (sealed === null) return refuse('secrets_off', 'there is no key for secrets');
      const written = await audited(context, caller, async (db, note) => {
        const excess = before === null ? await admitSecret(db, namespace, name) : null;
        if (excess !== null) return quotaExceeded(namespace, excess);
        const secret = await writeSecret(db, { place, sealed, description }, now());
        if (secret === null) return null;
        await note({
          type: before === null ? 'secret.created' : 'secret.updated',
          subject: `secret:${name}`,
          data: changesOf(before, secret),
        });
        return ok(secret);
      });
      if (written === null) {
        const [open] = await listGrantedNamespaces(database.pool, [namespace]);
        if (open === undefined) return notFound(`namespace "${namespace}"`);
        continue;
      }
      if (!written.ok) return written;
      signal('secrets');
      const [shown] = await withUsers(database.pool, namespace, [written.value]);
      return ok({ ...(shown as UsedSecret), created: before === null });
    }
    return refuse('conflict', 'the secret is being changed too often; try again');
  },
);

function changesOf(before: Secret | null, after: Secret): Record<string, unknown> {
  const description = { from: before?.description ?? null, to: after.description };
  return {
    version: { from: before?.version ?? null, to: after.version },
    ...(description.from === description.to ? {} : { description }),
  };
}
