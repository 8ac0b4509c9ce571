/** Reads the setting ROLE_BINDINGS: the roles that people and groups have from the start. */

import type { Grant } from '../domain/access/grants.ts';
import { everyNamespace, isNamespaceId } from '../domain/access/namespace.ts';
import { roles } from '../domain/access/role.ts';
import { faultOfSubject } from '../domain/access/subject.ts';
import { ok } from '../errors.ts';
import { alternatives, type Parse } from './values.ts';

/** A role of a person or a group. */
export type RoleBinding = Readonly<Grant & { subject: string }>;

/** A list of `subject=role@namespace`, separated by commas. The subject ends at the last equals sign. */
export const roleBindings: Parse<readonly RoleBinding[]> = (input) => {
  const entries = input.split(/[,\n]/).flatMap((entry) => entry.trim() || []);
  const bindings: RoleBinding[] = [];
  const errors: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const place = `entry ${index + 1}`;
    const [, subject = '', role = '', namespace = ''] = /^(.*)=([^=@]*)@([^=@]*)$/su.exec(entry) ?? [];
    const known = roles.find((each) => each === role);
    const fault = faultOfSubject(subject);
    if (subject === '')
      errors.push(
        `${place} must be written subject=role@namespace, as in group:ops=admin@* or user:ann=reader@billing`,
      );
    else if (fault !== null) errors.push(`${place}: the subject ${fault}`);
    else if (known === undefined) errors.push(`${place} must have the role ${alternatives(roles)}`);
    else if (namespace !== everyNamespace && !isNamespaceId(namespace))
      errors.push(`${place} must have * or a namespace of 1 to 63 lower-case letters, digits and -, the first no -`);
    else if (known === 'owner' && namespace !== everyNamespace)
      errors.push(`${place} must have the namespace *: the role owner holds for the whole cluster`);
    else bindings.push(Object.freeze({ subject, role: known, namespace }));
  }
  if (entries.length === 0) errors.push('must hold at least one subject=role@namespace');
  return errors.length > 0 ? { ok: false, errors } : ok(Object.freeze(bindings));
};
