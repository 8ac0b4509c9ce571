/** Hides the values of secrets in what a target reports about its run. */

import { type ByteMasker, createByteMasker } from '../../domain/secrets/byte-masking.ts';
import { createMasker } from '../../domain/secrets/masking.ts';
import { namesOf, secretsOf } from '../../domain/task/task-secrets.ts';
import type { TaskSnapshot } from '../../store/runs/claiming/claims.ts';
import type { UseCaseContext } from '../context.ts';

/** The text without the values. */
export type Mask = (text: string) => string;

type Context = Pick<UseCaseContext, 'targets' | 'secretValues'>;

/** For the secrets of the task as they are now. No statement for a task without secrets. */
export async function maskerOf(context: Context, snapshot: TaskSnapshot): Promise<Mask> {
  const values = await valuesOf(context, snapshot);
  const masker = values.length === 0 ? null : createMasker(values);
  return (text) => masker?.(text) ?? text;
}

/** The same for bytes; null where there is nothing to hide. */
export async function byteMaskerOf(context: Context, snapshot: TaskSnapshot): Promise<ByteMasker | null> {
  const values = await valuesOf(context, snapshot);
  return values.length === 0 ? null : createByteMasker(values);
}

async function valuesOf({ targets, secretValues }: Context, snapshot: TaskSnapshot): Promise<string[]> {
  const { namespace, target, policies } = snapshot;
  const { fallback = null, hooks = null } = policies ?? {};
  const names = namesOf(secretsOf({ target, fallback, hooks }, targets));
  return names.length === 0 ? [] : secretValues(namespace, names);
}
