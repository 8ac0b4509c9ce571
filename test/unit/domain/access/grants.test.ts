import { describe, expect, test } from 'vitest';
import { adminScope, type Grant, mayGive, ownNamespace, roleIn } from '../../../../src/domain/access/grants.ts';

const grant = (text: string): Grant => {
  const [role, namespace] = text.split('@') as [Grant['role'], string];
  return { role, namespace };
};
const grants = (...texts: string[]) => texts.map(grant);

describe('the role in a namespace', () => {
  test.each([
    [['reader@a', 'operator@*'], 'operator'],
    [['admin@a', 'operator@*'], 'admin'],
    [['admin@b'], null],
    [['worker@a', 'reader@a'], 'reader'],
    [[], null],
  ])('is with %j in the namespace a: %s', (held, role) => {
    expect(roleIn(grants(...held), 'a')).toBe(role);
  });
});

describe('a request without a namespace', () => {
  test.each([
    [['reader@*'], { namespace: 'default' }],
    [['reader@default', 'admin@a'], { namespace: 'default' }],
    [['reader@a', 'admin@a'], { namespace: 'a' }],
    [['reader@b', 'reader@a'], { choices: ['a', 'b'] }],
    [[], { choices: [] }],
  ])('acts for a caller with %j in %j', (held, expected) => {
    expect(ownNamespace(grants(...held))).toEqual(expected);
  });
});

describe('giving a role', () => {
  test.each([
    [['owner@*'], 'owner@*', true],
    [['admin@*'], 'admin@a', true],
    [['admin@*'], 'admin@*', false],
    [['admin@a'], 'admin@a', true],
    [['admin@a'], 'worker@a', true],
    [['admin@a'], 'reader@b', false],
    [['admin@a'], 'owner@*', false],
    [['operator@a'], 'reader@a', false],
  ])('of %j, %s is allowed: %s', (held, wanted, allowed) => {
    expect(mayGive(grants(...held), grant(wanted))).toBe(allowed);
  });
});

test('somebody administers the keys and bindings that it could give', () => {
  expect(adminScope([{ role: 'owner', namespace: '*' }])).toBe('all');
  expect(adminScope([{ role: 'admin', namespace: '*' }])).toBe('each');
  expect(
    adminScope([
      { role: 'admin', namespace: 'a' },
      { role: 'operator', namespace: 'b' },
      { role: 'worker', namespace: '*' },
      { role: 'admin', namespace: 'c' },
      { role: 'admin', namespace: 'a' },
    ]),
  ).toEqual(['a', 'c']);
  expect(adminScope([{ role: 'operator', namespace: '*' }])).toEqual([]);
});
