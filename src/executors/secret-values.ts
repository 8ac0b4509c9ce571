/** The values of secrets for calls: read and decrypted when they are needed, and remembered for a second. */

import type { Clock } from '../clock.ts';
import type { KeyRing } from '../domain/secrets/key-ring.ts';
import { openValue, type SealedValue, type SecretPlace } from '../domain/secrets/sealing.ts';
import type { Result } from '../errors.ts';

/** A secret by its namespace and name. */
type SecretName = { namespace: string; name: string };

/** A stored value; `lastUsedAt` in epoch milliseconds, null where it was never used. */
type Stored = { place: SecretPlace; sealed: SealedValue; lastUsedAt: number | null };

export type SecretValuesOptions = {
  clock: Pick<Clock, 'monotonic' | 'after'>;
  /** Epoch milliseconds by the database's clock. */
  now(): number;
  read(wanted: readonly SecretName[]): Promise<Stored[]>;
  /** The keys, or why they cannot be had. */
  ring(): Promise<KeyRing | string>;
  /**
   * Reads the keys of the settings again, because another replica may have got a new one from the same file already.
   * Whether they have changed.
   */
  readKeysAgain(): boolean;
  noteUse(used: readonly SecretName[], now: number): Promise<void>;
  /** Noting a use failed. It is noted with a later one. */
  onError(error: unknown): void;
};

/**
 * One secret: its value, or why there is none, as a phrase that follows its name. `isFinal`: trying again would not
 * help.
 */
export type SecretValue = { ok: true; value: string } | { ok: false; why: string; isFinal: boolean };

export type SecretValues = {
  /** The values by name. Those of one turn of the event loop share a statement. Rejects where the store is away. */
  valuesOf(namespace: string, names: readonly string[]): Promise<ReadonlyMap<string, SecretValue>>;
  /** Some secret has changed: nothing that was read until now is remembered any longer. */
  forget(): void;
};

/** How long a value is used without asking again, in milliseconds. */
const rememberMs = 1_000;
/** More than that are not remembered. */
const mostRemembered = 1_000;
/** How exact `lastUsedAt` is, in milliseconds. */
const useExactMs = 60_000;

type Wanted = SecretName & { resolve: (value: SecretValue) => void; reject: (error: unknown) => void };

export function createSecretValues(options: SecretValuesOptions): SecretValues {
  const { clock } = options;
  let remembered = new Map<string, { value: Promise<SecretValue>; until: number }>();
  let wanted: Wanted[] = [];
  let isSweepSet = false;

  function sweep(): void {
    isSweepSet = false;
    const now = clock.monotonic();
    for (const [key, { until }] of remembered) if (until <= now) remembered.delete(key);
    if (remembered.size > 0) sweepLater();
  }

  function sweepLater(): void {
    if (isSweepSet) return;
    isSweepSet = true;
    clock.after(rememberMs, sweep);
  }

  async function open({ place, sealed }: Stored): Promise<Result<string, string>> {
    const ring = await options.ring();
    return typeof ring === 'string'
      ? { ok: false, errors: `cannot be decrypted: ${ring}` }
      : openValue(ring, place, sealed);
  }

  async function valueOfStored(stored: Stored | undefined, namespace: string): Promise<SecretValue> {
    if (stored === undefined)
      return { ok: false, why: `does not exist in the namespace "${namespace}"`, isFinal: true };
    let opened = await open(stored);
    if (!opened.ok && options.readKeysAgain()) opened = await open(stored);
    return opened.ok ? opened : { ok: false, why: opened.errors, isFinal: false };
  }

  async function load(): Promise<void> {
    const batch = wanted;
    wanted = [];
    try {
      const stored = await options.read(batch.map(({ namespace, name }) => ({ namespace, name })));
      const found = new Map(stored.map((each) => [keyOf(each.place), each]));
      for (const each of batch) valueOfStored(found.get(keyOf(each)), each.namespace).then(each.resolve, each.reject);
      const now = options.now();
      const stale = stored.filter(({ lastUsedAt }) => lastUsedAt === null || lastUsedAt < now - useExactMs);
      if (stale.length > 0)
        await options
          .noteUse(
            stale.map(({ place }) => place),
            now,
          )
          .catch(options.onError);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  function secretIn(namespace: string, name: string): Promise<SecretValue> {
    const key = keyOf({ namespace, name });
    const known = remembered.get(key);
    if (known !== undefined && known.until > clock.monotonic()) return known.value;
    const value = new Promise<SecretValue>((resolve, reject) => {
      if (wanted.length === 0) setImmediate(() => void load());
      wanted.push({ namespace, name, resolve, reject });
    });
    remembered.delete(key);
    const [oldest] = remembered.keys();
    if (oldest !== undefined && remembered.size >= mostRemembered) remembered.delete(oldest);
    const entry = { value, until: clock.monotonic() + rememberMs };
    remembered.set(key, entry);
    const memory = remembered;
    // What could not be read is asked for again.
    value.catch(() => memory.get(key) === entry && memory.delete(key));
    sweepLater();
    return value;
  }

  return {
    async valuesOf(namespace, names) {
      const values = await Promise.all(names.map((name) => secretIn(namespace, name)));
      return new Map(names.map((name, place) => [name, values[place] as SecretValue]));
    },
    forget() {
      remembered = new Map();
    },
  };
}

function keyOf({ namespace, name }: SecretName): string {
  return `${namespace}/${name}`;
}
