import { describe, expect, test } from 'vitest';
import type { Attempt } from '../../../src/executors/executor.ts';
import { httpRegistry } from '../../http-targets.ts';

/** As a newer version stores it. */
const unknown = { type: 'pigeon', code: '7391' };
const { targets } = httpRegistry;

describe('a stored target of a kind that this version does not have', () => {
  test('is shown by its type alone', () => {
    for (const shown of [targets.redact(unknown), targets.asShown(unknown), targets.asInput(unknown, {})])
      expect(shown).toEqual({ type: 'pigeon' });
  });

  test('is not called: its attempts fail', async () => {
    httpRegistry.prepare(unknown);
    const { outcome } = httpRegistry.start({ target: unknown } as Partial<Attempt> as Attempt);
    expect(await outcome).toMatchObject({
      status: 'failed',
      error: { kind: 'internal', message: 'this replica has no executor for targets of type "pigeon"' },
    });
  });

  test('has a group of its own', () => {
    expect(httpRegistry.groupOf(unknown)).toBe('pigeon:pigeon');
  });
});

test('a patch that names an unknown type is told of that alone: the other members of the stored target stay', () => {
  const stored = { type: 'http', url: 'http://a.example/', method: 'PUT' };
  for (const type of ['pigeon', 5, null]) expect(targets.asInput(stored, { type })).toEqual(stored);
});

test.each([
  ['a text', 'http://a.example/'],
  ['an object without a type', { url: 'http://a.example/' }],
  ['an object with the type', { type: 'http', url: 'http://a.example/' }],
])('%s is read by the first kind', (_, given) => {
  expect(targets.read(given, { pointer: '#/target', stored: null })).toMatchObject({
    ok: true,
    value: { type: 'http', url: 'http://a.example/' },
  });
});

test('an object of an unknown type is refused by the first kind', () => {
  const given = { type: 'pigeon', url: 'http://a.example/' };
  expect(targets.read(given, { pointer: '#/target', stored: null })).toEqual({
    ok: false,
    errors: [{ pointer: '#/target/type', detail: 'must be "http"' }],
  });
});
