/** Makes an API key: its text is in the answer, and nowhere else. */

import type { Grant } from '../../domain/access/grants.ts';
import { hashOfKey, makeKeyText } from '../../domain/access/key-text.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import { formatInstant, parseInstant } from '../../domain/input/instant.ts';
import { timeOrderedId } from '../../domain/schedule/occurrence.ts';
import { ok, type Result } from '../../errors.ts';
import { insertKey, type KeyRecord } from '../../store/access/keys.ts';
import { audited } from '../audit/audited.ts';
import { meaningless, type Outcome, refuse } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { refusalToGive, unknownNamespace } from './giving.ts';

/** `expiresAt` is an RFC 3339 instant; the key does not expire without one. */
export type NewKey = Grant & { name: string; expiresAt?: string | null };

/** The key with its text. It has exactly the role and the namespace that are given. */
export const createKey = useCase(
  'admin',
  async (context, caller, input: NewKey): Promise<Outcome<KeyRecord & { key: string }>> => {
    const { name, role, namespace } = input;
    const refused = await refusalToGive(context, caller, { role, namespace });
    if (refused !== null) return refused;
    const createdAt = context.now();
    const expiry = readExpiry(input.expiresAt ?? null, createdAt);
    if (!expiry.ok) return meaningless([{ pointer: '#/expiresAt', detail: expiry.errors }]);
    const nameTaken = refuse('already_exists', `a key with the name "${name}" exists in this namespace`);
    const isOfSettings = (each: { name: string; namespace: string | null }) =>
      each.name === name && (each.namespace ?? everyNamespace) === namespace;
    if (context.keysOfSettings().some(isOfSettings)) return nameTaken;

    const key = makeKeyText(context.random);
    const record = {
      ...{ id: timeOrderedId(createdAt, context.random), name, role, namespace },
      ...{ createdAt, createdBy: caller.name, expiresAt: expiry.value },
    };
    const done = await audited(context, caller, async (db, note) => {
      const result = await insertKey(db, record, hashOfKey(key));
      const expires = expiry.value === null ? {} : { expiresAt: formatInstant(expiry.value) };
      if (result === 'made')
        await note({ namespace, type: 'key.created', subject: `key:${name}`, data: { role, ...expires } });
      return result;
    });
    if (done === 'no_namespace') return unknownNamespace(namespace);
    if (done === 'name_taken') return nameTaken;
    context.forgetCallers();
    return ok({ ...record, lastUsedAt: null, key });
  },
);

/** Epoch milliseconds, or a phrase that follows the name of the field. */
function readExpiry(text: string | null, now: number): Result<number | null, string> {
  if (text === null) return ok(null);
  const expiresAt = parseInstant(text);
  if (expiresAt === null)
    return { ok: false, errors: `"${text}" is not an RFC 3339 instant such as "2026-12-01T09:00:00Z"` };
  return expiresAt > now ? ok(expiresAt) : { ok: false, errors: 'must lie ahead' };
}
