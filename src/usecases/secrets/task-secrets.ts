/** Keeps the secrets that tasks use: a task is written only where they are there, and holds them. */

import type { TaskDefinition } from '../../domain/task/task.ts';
import { namesOf, secretsOf } from '../../domain/task/task-secrets.ts';
import type { FieldError } from '../../errors.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { holdSecrets, writeUses } from '../../store/secrets/uses.ts';
import type { Task } from '../../store/tasks/row.ts';
import type { NewTask } from '../../store/tasks/tasks.ts';
import type { UseCaseContext } from '../context.ts';
import { meaningless, type Refused } from '../refusal.ts';

type Context = Pick<UseCaseContext, 'targets' | 'database'>;

export function usesSecrets({ targets }: Pick<Context, 'targets'>, definition: TaskDefinition): boolean {
  return secretsOf(definition, targets).length > 0;
}

/**
 * Every place of a secret that is not there; no statement for a definition without secrets. In a transaction, those that
 * are there cannot be deleted before its end.
 */
export async function missingSecrets(
  { targets }: Pick<Context, 'targets'>,
  db: Queryable,
  namespace: string,
  definition: Pick<TaskDefinition, 'target' | 'fallback' | 'hooks'>,
): Promise<FieldError[]> {
  const uses = secretsOf(definition, targets);
  if (uses.length === 0) return [];
  const missing = await holdSecrets(db, namespace, namesOf(uses));
  return uses.flatMap(({ name, pointer }) =>
    missing.includes(name)
      ? { pointer, detail: `uses the secret "${name}", which the namespace "${namespace}" does not have` }
      : [],
  );
}

/** The refusal of a task that uses secrets which are not there; null for all others. */
export async function refusalOfSecrets(
  context: Context,
  namespace: string,
  definition: TaskDefinition,
): Promise<Refused | null> {
  const missing = await missingSecrets(context, context.database.pool, namespace, definition);
  return missing.length === 0 ? null : meaningless(missing);
}

/** Keeps the secrets of new tasks until the transaction ends. They were there when the caller looked. */
export async function holdSecretsOf(
  context: Pick<Context, 'targets'>,
  db: Queryable,
  items: readonly NewTask[],
): Promise<void> {
  // The code makes the answer a 503: the next request is told what is missing.
  for (const { namespace, definition } of items)
    if ((await missingSecrets(context, db, namespace, definition)).length > 0)
      throw new Error('timeout: a secret was deleted while a task that uses it was being written');
}

/** Writes down the secrets that these tasks use from now on, in the transaction that writes the tasks. */
export async function noteSecretsOf(
  { targets }: Pick<Context, 'targets'>,
  db: Queryable,
  tasks: readonly Task[],
): Promise<void> {
  const uses = tasks.map(({ uid, namespace, definition }) => ({
    ...{ uid, namespace, names: namesOf(secretsOf(definition, targets)) },
  }));
  await writeUses(db, uses);
}
