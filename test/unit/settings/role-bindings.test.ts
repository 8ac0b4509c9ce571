import { expect, test } from 'vitest';
import { roleBindings } from '../../../src/settings/role-bindings.ts';

test('ROLE_BINDINGS is a list of subject=role@namespace; a subject ends at the last equals sign', () => {
  expect(roleBindings('group:ops=admin@*, user:cn=ann@example.org=reader@billing,\n')).toEqual({
    ok: true,
    value: [
      { subject: 'group:ops', role: 'admin', namespace: '*' },
      { subject: 'user:cn=ann@example.org', role: 'reader', namespace: 'billing' },
    ],
  });
});

test.each([
  ['ops=admin@*', 'entry 1: the subject must begin with "user:" or "group:", as in "user:ann@example.org"'],
  [
    'key:ci=admin@*',
    'entry 1: the subject must not be a key: a key has the role and the namespace that it was made with',
  ],
  [
    'group:ops=admin',
    'entry 1 must be written subject=role@namespace, as in group:ops=admin@* or user:ann=reader@billing',
  ],
  ['group:ops=root@*', 'entry 1 must have the role reader, operator, admin, owner or worker'],
  [
    'group:a=reader@b,group:ops=admin@No',
    'entry 2 must have * or a namespace of 1 to 63 lower-case letters, digits and -, the first no -',
  ],
  ['group:ops=owner@billing', 'entry 1 must have the namespace *: the role owner holds for the whole cluster'],
  [' , ', 'must hold at least one subject=role@namespace'],
])('ROLE_BINDINGS=%s is a fault', (text, error) => {
  expect(roleBindings(text)).toEqual({ ok: false, errors: [error] });
});
