/** Who a binding is for: a person or a group, as `user:ann@example.org` or `group:ops`. */

import { isPlainName } from './plain-name.ts';

/** Why a text is no such subject, as a phrase that follows its name; null where it is one. */
export function faultOfSubject(text: string): string | null {
  if (text.startsWith('key:')) return 'must not be a key: a key has the role and the namespace that it was made with';
  const name = /^(?:user|group):(.*)$/su.exec(text)?.[1];
  if (name === undefined) return 'must begin with "user:" or "group:", as in "user:ann@example.org"';
  return isPlainName(name)
    ? null
    : 'must have a name of 1 to 256 visible characters after "user:" or "group:", without a blank at its ends';
}
