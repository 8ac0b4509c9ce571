/** Hides the values of secrets in what a target reports about its run. */

import { createMasker } from '../../domain/secrets/masking.ts';
import { namesOf, secretsOf } from '../../domain/task/task-secrets.ts';
import type { TaskSnapshot } from '../../store/runs/claiming/claims.ts';
import type { UseCaseContext } from '../context.ts';

/** The text without the values. */
export type Mask = (text: string) => string;

/** For the secrets of the task as they are now. No statement for a task without secrets. */
export async function maskerOf(
  { targets, secretValues }: Pick<UseCaseContext, 'targets' | 'secretValues'>,
  { namespace, target, policies }: TaskSnapshot,
): Promise<Mask> {
  const { fallback = null, hooks = null } = policies ?? {};
  const names = namesOf(secretsOf({ target, fallback, hooks }, targets));
  const masker = names.length === 0 ? null : createMasker(await secretValues(namespace, names));
  return (text) => masker?.(text) ?? text;
}
