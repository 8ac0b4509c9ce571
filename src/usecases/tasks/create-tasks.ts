/** Creates many tasks at once, each on its own: a bad one harms no other. */

import type { Warning } from '../../domain/input/warning.ts';
import { ok } from '../../errors.ts';
import type { NewTask } from '../../store/tasks/tasks.ts';
import type { Outcome } from '../refusal.ts';
import { refusalOfSecrets } from '../secrets/task-secrets.ts';
import { useCase } from '../use-case.ts';
import { type CreatedTask, type NewTaskInput, newTask } from './new-task.ts';
import { outcomeOf, storeTasks } from './store-tasks.ts';

/** The outcome of each input, in their order. An input that is refused already stays refused. */
export const createTasks = useCase(
  'admin',
  async (context, caller, inputs: readonly Outcome<NewTaskInput>[]): Promise<Outcome<Outcome<CreatedTask>[]>> => {
    const { turns } = context;
    const read: { item: Outcome<NewTask>; warnings: Warning[] }[] = [];
    for (const input of inputs) {
      await turns.take();
      const warnings: Warning[] = [];
      const item = input.ok ? newTask(context, caller, input.value, warnings) : input;
      const refused = item.ok ? await refusalOfSecrets(context, caller.namespace, item.value.definition) : null;
      read.push({ item: refused ?? item, warnings });
    }
    const good = read.flatMap(({ item }) => (item.ok ? [item.value] : []));
    const stored = await storeTasks(context, good);
    let place = 0;
    return ok(
      read.map(({ item, warnings }) => {
        if (!item.ok) return item;
        const task = outcomeOf(stored[place++] ?? null, item.value);
        return task.ok ? ok({ task: task.value, warnings }) : task;
      }),
    );
  },
);
