import { expect, test } from 'vitest';
import type { Grant } from '../../../../src/domain/access/grants.ts';
import type { NamespaceRules } from '../../../../src/domain/access/namespace-rules.ts';
import { allQuotas } from '../../../../src/domain/access/quotas.ts';
import type { Actor } from '../../../../src/http/auth/actor.ts';
import { createAccessWatch } from '../../../../src/http/sse/access-watch.ts';
import { createClock } from '../../../clock.ts';

const refusal = { status: 401, detail: 'no', headers: {} } as const;

/** A watch over callers whose rights can be changed. */
function createWatch() {
  const clock = createClock();
  const grants = new Map<string, Grant[]>();
  const rules: NamespaceRules = {
    ...{ id: 'billing', weight: 1, quotas: allQuotas({}), targetAllow: null, targetDeny: null, closing: false },
  };
  const namespaces = new Map([['billing', rules]]);
  const state = { isAway: false, asked: 0 };
  const watch = createAccessWatch({
    clock,
    namespaces: { rulesOf: (id) => namespaces.get(id) ?? null },
    async authenticate({ authorization }) {
      state.asked++;
      if (state.isAway) return { ok: false, errors: { ...refusal, reason: 'unavailable', status: 503 } };
      const found = grants.get(String(authorization));
      if (found === undefined) return { ok: false, errors: { ...refusal, reason: 'invalid' } };
      const value: Actor = { name: 'key:k', via: 'key', grants: found };
      return { ok: true, value };
    },
    onError: (error) => expect.unreachable(String(error)),
  });
  const lost: string[] = [];
  const open = (name: string, authorization: string, namespace = 'billing') =>
    watch({ headers: { authorization }, namespace, needs: 'reader' }, () => lost.push(name));
  const close = () => namespaces.set('billing', { ...rules, closing: true });
  return { clock, grants, close, state, open, lost };
}

const reader: Grant[] = [{ role: 'reader', namespace: 'billing' }];

test('a caller is looked at once a second, however many streams it has, and not at all without any', async () => {
  const { clock, grants, state, open } = createWatch();
  grants.set('one', reader);
  const ends = Array.from({ length: 100 }, (_, n) => open(`s${n}`, 'one'));
  await clock.advance(10_000);
  expect(state.asked).toBe(10);
  for (const end of ends) end();
  await clock.advance(10_000);
  expect(state.asked).toBe(10);
  expect(clock.pending()).toBe(0);
});

test('the streams of a caller end when its key, its role or its namespace is gone, and no others', async () => {
  const { clock, grants, close, open, lost } = createWatch();
  for (const name of ['key', 'role', 'kept']) {
    grants.set(name, reader);
    open(name, name);
  }
  grants.set('elsewhere', [{ role: 'reader', namespace: 'default' }]);
  open('elsewhere', 'elsewhere', 'default');
  await clock.advance(1_000);
  expect(lost).toEqual([]);
  grants.delete('key');
  grants.set('role', [{ role: 'worker', namespace: 'billing' }]);
  await clock.advance(1_000);
  expect(lost).toEqual(['key', 'role']);
  close();
  await clock.advance(1_000);
  expect(lost).toContain('kept');
  expect(lost).not.toContain('elsewhere');
});

test('while the database is away nobody loses a stream', async () => {
  const { clock, grants, state, open, lost } = createWatch();
  grants.set('one', reader);
  open('one', 'one');
  state.isAway = true;
  await clock.advance(10_000);
  expect(lost).toEqual([]);
  state.isAway = false;
  grants.delete('one');
  await clock.advance(1_000);
  expect(lost).toEqual(['one']);
});
