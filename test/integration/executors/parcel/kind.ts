/** A kind of target that only tests know: an attempt leaves a parcel at a depot, whose clerk the test plays. */

import { mask } from '../../../../src/domain/task/credentials.ts';
import { type FieldError, ok } from '../../../../src/errors.ts';
import type { Attempt, Outcome } from '../../../../src/executors/executor.ts';
import type { ExecutorKind } from '../../../../src/executors/kind.ts';

export type Parcel = {
  type: 'parcel';
  /** In lower case. */
  depot: string;
  /** A credential: opens the depot's door. */
  code?: string;
};

/** What the clerk says to an attempt. */
export type Clerk = (attempt: Attempt<Parcel>) => Partial<Outcome> | Promise<Partial<Outcome>>;

const nothing: Outcome = {
  ...{ status: 'succeeded', detail: null, output: null, truncated: false, error: null, retryAfterMs: null },
  ...{ isFinal: false, viaFallback: false, deferred: null, held: null },
};

/** `clerks` are found by the name of their depot. Also gives the attempts that were started. */
export function createParcelKind(clerks: ReadonlyMap<string, Clerk>) {
  const started: Attempt<Parcel>[] = [];
  const underWay = new Set<() => void>();

  const kind: ExecutorKind<Parcel> = {
    type: 'parcel',
    schema: {
      input: {
        named: 'ParcelTargetInput',
        type: 'object',
        required: ['type', 'depot'],
        properties: {
          type: { const: 'parcel' },
          depot: { type: 'string', minLength: 1 },
          code: { type: 'string', maxLength: 20 },
        },
        additionalProperties: false,
      },
      shown: {
        named: 'ParcelTarget',
        type: 'object',
        required: ['type', 'depot'],
        properties: { type: { const: 'parcel' }, depot: { type: 'string' }, code: { type: 'string' } },
      } as object,
      misplaced: ['depot'],
    },
    read(given, { pointer }) {
      const { depot, code } = given as Omit<Parcel, 'type'>;
      const errors: FieldError[] = [];
      if (!clerks.has(depot.toLowerCase())) errors.push({ pointer: `${pointer}/depot`, detail: 'is no depot' });
      if (code === '0000') errors.push({ pointer: `${pointer}/code`, detail: 'is too easy to guess' });
      if (errors.length > 0) return { ok: false, errors };
      return ok({ type: 'parcel', depot: depot.toLowerCase(), ...(code === undefined ? {} : { code }) });
    },
    redact: (parcel) => (parcel.code === undefined ? parcel : { ...parcel, code: mask }),
    restore(given, stored, refuse) {
      const parcel = given as Parcel;
      if (parcel.code !== mask) return given;
      if (stored?.code === undefined) {
        refuse('/code', 'is the mask, and no code is stored');
        return given;
      }
      return { ...parcel, code: stored.code };
    },
    alignPatch: (patch) => patch,
    asInput: (parcel) => parcel,
    asShown: (parcel) => parcel,
    groupOf: ({ depot }) => depot,
    prepare() {},
    start(attempt) {
      started.push(attempt);
      let cancel = () => {};
      const cancelled = new Promise<Outcome>((resolve) => {
        const error = { kind: 'cancelled', message: 'the parcel was called back' } as const;
        cancel = () => resolve({ ...nothing, status: 'cancelled', error });
      });
      underWay.add(cancel);
      const said = Promise.resolve(clerks.get(attempt.target.depot)?.(attempt)).then((part) => ({
        ...nothing,
        ...part,
      }));
      const outcome = Promise.race([said, cancelled]);
      void outcome.then(() => underWay.delete(cancel));
      return { outcome, cancel };
    },
    close() {
      for (const cancel of underWay) cancel();
    },
  };
  return { kind, started };
}
