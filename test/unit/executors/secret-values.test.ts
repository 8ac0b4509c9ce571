import { randomFillSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { type KeyRing, wrappingKeyOf } from '../../../src/domain/secrets/key-ring.ts';
import { sealValue } from '../../../src/domain/secrets/sealing.ts';
import { createSecretValues, type SecretValuesOptions } from '../../../src/executors/secret-values.ts';
import { createClock } from '../../clock.ts';
import { poll } from '../../poll.ts';

const key = wrappingKeyOf(Buffer.alloc(32, 1));
const random = (bytes: Uint8Array) => void randomFillSync(bytes);
type Stored = Awaited<ReturnType<SecretValuesOptions['read']>>[number];

/** A database with the secret TOKEN in each namespace, whose value can be set. */
function valuesWith(more: Partial<SecretValuesOptions> = {}) {
  const clock = createClock();
  const state = { value: 'first', reads: [] as string[][], noted: 0, lastUsedAt: null as number | null };
  const gate = { open: Promise.resolve() };
  const values = createSecretValues({
    clock,
    now: () => 1_800_000_000_000 + clock.monotonic(),
    async read(wanted) {
      state.reads.push(wanted.map(({ namespace, name }) => `${namespace}/${name}`));
      const found = wanted.flatMap(({ namespace, name }): Stored[] => {
        const place = { namespace, name, version: 1 };
        const sealed = sealValue([key], place, state.value, random);
        return name === 'TOKEN' && sealed !== null ? [{ place, sealed, lastUsedAt: state.lastUsedAt }] : [];
      });
      await gate.open;
      return found;
    },
    ring: async () => [key],
    readKeysAgain: () => false,
    async noteUse() {
      state.noted++;
    },
    onError: () => {},
    ...more,
  });
  const get = async (namespace = 'billing', name = 'TOKEN') => (await values.valuesOf(namespace, [name])).get(name);
  return { state, gate, clock, values, get };
}

test('a value is used for a second at most, also where nobody tells of its change', async () => {
  const { state, clock, get } = valuesWith();
  expect(await get()).toEqual({ ok: true, value: 'first' });
  state.value = 'second';
  await clock.advance(999);
  expect(await get()).toEqual({ ok: true, value: 'first' });
  await clock.advance(1);
  expect(await get()).toEqual({ ok: true, value: 'second' });
  expect(state.reads).toHaveLength(2);
});

test('a change that is told of holds at once, also where the old value is being read just then', async () => {
  const { state, gate, values, get } = valuesWith();
  let open = () => {};
  gate.open = new Promise<void>((resolve) => {
    open = resolve;
  });
  const old = get();
  await poll(() => state.reads.length === 1, { what: 'the read to begin' });
  values.forget();
  state.value = 'second';
  const next = get();
  open();
  expect([await old, await next]).toMatchObject([{ value: 'first' }, { value: 'second' }]);
  expect(await get()).toEqual({ ok: true, value: 'second' });
});

test('those asked for in one turn share a read, and each namespace has its own', async () => {
  const { state, get } = valuesWith();
  const found = await Promise.all([get('billing'), get('payroll'), get('billing'), get('payroll', 'MISSING')]);
  expect(found.map((each) => each?.ok)).toEqual([true, true, true, false]);
  expect(found[3]).toMatchObject({ isFinal: true, why: 'does not exist in the namespace "payroll"' });
  expect(state.reads).toEqual([['billing/TOKEN', 'payroll/TOKEN', 'payroll/MISSING']]);
});

test('a read that fails is told to those who wait, and is not remembered', async () => {
  let isAway = true;
  const { get } = valuesWith({
    read: async () => {
      if (isAway) throw new Error('away');
      return [];
    },
  });
  await expect(get()).rejects.toThrow('away');
  isAway = false;
  expect(await get()).toMatchObject({ ok: false, isFinal: true });
});

test('a key that another replica has already is looked for in the settings once more', async () => {
  let ring: KeyRing = [wrappingKeyOf(Buffer.alloc(32, 2))];
  const { clock, get } = valuesWith({ ring: async () => ring, readKeysAgain: () => ring[0] === key });
  expect(await get()).toMatchObject({ ok: false, isFinal: false });
  await clock.advance(1_000);
  const again = valuesWith({
    ring: async () => ring,
    readKeysAgain() {
      ring = [key];
      return true;
    },
  });
  expect(await again.get()).toEqual({ ok: true, value: 'first' });
});

test('a use is noted once a minute, and a note that fails costs nothing', async () => {
  const errors: unknown[] = [];
  const { state, clock, get } = valuesWith({ onError: (error) => void errors.push(error) });
  await get();
  expect(state.noted).toBe(1);
  state.lastUsedAt = 1_800_000_000_000;
  await clock.advance(60_000);
  await get();
  expect(state.noted).toBe(1);
  await clock.advance(1_001);
  await get();
  expect(state.noted).toBe(2);
  const failing = valuesWith({
    noteUse: () => Promise.reject(new Error('away')),
    onError: (error) => void errors.push(error),
  });
  expect(await failing.get()).toEqual({ ok: true, value: 'first' });
  await failing.get('payroll');
  expect(errors).toHaveLength(2);
});
