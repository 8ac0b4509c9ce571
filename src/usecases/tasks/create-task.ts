/** Creates one task. */

import type { Warning } from '../../domain/input/warning.ts';
import { ok } from '../../errors.ts';
import { oncePerKey } from '../../store/cluster/idempotency.ts';
import type { Stored } from '../../store/tasks/quotas.ts';
import type { NewTask } from '../../store/tasks/tasks.ts';
import type { UseCaseContext } from '../context.ts';
import { type Key, keyedBy } from '../idempotency.ts';
import type { Outcome } from '../refusal.ts';
import { refusalOfSecrets } from '../secrets/task-secrets.ts';
import { authorOf, type Caller, useCase } from '../use-case.ts';
import { type CreatedTask, type NewTaskInput, newTask } from './new-task.ts';
import { outcomeOf, storeTasks, storeWithRuns, tellOfTasks } from './store-tasks.ts';

export type CreateTask<A> = {
  input: NewTaskInput;
  /** With a key, a repeated request gets the first answer again. */
  key: Key | null;
  /** Makes the answer to the caller; it is stored with the key, as JSON. */
  answerOf: (created: CreatedTask) => A;
};

/** The answer for the caller. `replayed`: it is that of an earlier request with the same key. */
export const createTask = useCase(
  'admin',
  async <A>(
    context: UseCaseContext,
    caller: Caller,
    { input, key, answerOf }: CreateTask<A>,
  ): Promise<Outcome<{ answer: A; replayed: boolean }>> => {
    const { database, now } = context;
    const create = async (store: (item: NewTask) => Promise<Stored[]>): Promise<Outcome<CreatedTask>> => {
      const warnings: Warning[] = [];
      const item = newTask(context, caller, input, warnings);
      if (!item.ok) return item;
      const refused = await refusalOfSecrets(context, caller.namespace, item.value.definition);
      if (refused !== null) return refused;
      const [stored = null] = await store(item.value);
      const task = outcomeOf(stored, item.value);
      return task.ok ? ok({ task: task.value, warnings }) : task;
    };
    if (key === null) {
      const created = await create((item) => storeTasks(context, [item]));
      return created.ok ? ok({ answer: answerOf(created.value), replayed: false }) : created;
    }
    let stored: Stored[] = [];
    // The input is read only when the key is new: an instant in it may have passed when the request is repeated.
    const first = await oncePerKey(database, keyedBy(caller, 'create', key), now(), async (db) => {
      const created = await create(async (item) => {
        stored = await storeWithRuns(context, db, [item]);
        return stored;
      });
      const answer: Outcome<A> = created.ok ? ok(answerOf(created.value)) : created;
      return { answer, remember: created.ok };
    });
    if (first.kind === 'mismatch') return { ok: false, errors: { kind: 'idempotency_mismatch' } };
    const created = first.answer;
    if (!created.ok) return created;
    tellOfTasks(context, stored, authorOf(caller));
    return ok({ answer: created.value, replayed: first.kind === 'replayed' });
  },
);
