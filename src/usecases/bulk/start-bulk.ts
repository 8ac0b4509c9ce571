/** Begins a bulk change: freezes the tasks that a filter selects, so that any replica can work on them. */

import type { BulkAction, BulkSelect, LabelChange } from '../../domain/bulk/bulk.ts';
import { faultsInLabels } from '../../domain/bulk/bulk.ts';
import { timeOrderedId } from '../../domain/schedule/occurrence.ts';
import { ok } from '../../errors.ts';
import { insertBulk } from '../../store/bulk/bulks.ts';
import type { TaskConditions } from '../../store/tasks/filter.ts';
import { audited } from '../audit/audited.ts';
import { deleteTask } from '../changes/delete-task.ts';
import { patchTask } from '../changes/patch-task.ts';
import { startTask } from '../changes/start-task.ts';
import { stopTask } from '../changes/stop-task.ts';
import { meaningless, type Outcome } from '../refusal.ts';
import { triggerTask } from '../runs/trigger-task.ts';
import { refusalOf, useCase } from '../use-case.ts';

export type StartBulk = {
  action: BulkAction;
  /** As the caller gave it, for the answers. */
  select: BulkSelect;
  conditions: Omit<TaskConditions, 'namespace'>;
  labels: LabelChange | null;
  /** How many tasks the caller expects to be selected. */
  expect: number;
};

/** The role that each action needs: that of its use case. */
export const bulkNeeds = {
  start: startTask.needs,
  stop: stopTask.needs,
  trigger: triggerTask.needs,
  delete: deleteTask.needs,
  label: patchTask.needs,
} as const satisfies Record<BulkAction, unknown>;

/** The id of the bulk change. */
export const startBulk = useCase(
  'operator',
  async (context, caller, { action, select, conditions, labels, expect }: StartBulk): Promise<Outcome<string>> => {
    const forbidden = refusalOf(caller, bulkNeeds[action]);
    if (forbidden) return forbidden;
    const faults = faultsInLabels(action, labels);
    if (faults.length > 0) return meaningless(faults);
    const id = timeOrderedId(context.now(), context.random);
    const { name: actor, via, namespace, address, requestId } = caller;
    const bulk = { id, action, select, labels, actor, via, address, requestId };
    const count = await audited(context, caller, async (db, note) => {
      const selected = await insertBulk(db, bulk, { ...conditions, namespace }, expect);
      const data = { action, select, total: selected, ...(labels && { labels }) };
      if (selected === expect) await note({ type: 'bulk.started', subject: `bulk:${id}`, data });
      return selected;
    });
    if (count === expect) return ok(id);
    const detail = `${count} tasks are selected, not ${expect}; send "expect": ${count} to change these`;
    return { ok: false, errors: { kind: 'other_count', count, detail } };
  },
);
