/** Bulk changes: one action on all tasks that a filter selects. */

import type { FieldError } from '../../errors.ts';

export const bulkActions = ['start', 'stop', 'trigger', 'delete', 'label'] as const;
export type BulkAction = (typeof bulkActions)[number];

/** The filters of the list of tasks, as the caller gave them. A label is `name:value`. */
export type BulkSelect = { q?: string; label?: string | string[]; status?: string | string[] };

/** Labels that each task gets, and names of labels that it loses. */
export type LabelChange = { set: Record<string, string>; remove: string[] };

/** Why an action failed for one task: the code of the problem, and a sentence. */
export type BulkError = { task: string; code: string; detail: string };

/** So many of the first errors are kept. */
export const errorsKept = 20;

/** The faults of `labels` beside the action; none when they make sense together. */
export function faultsInLabels(action: BulkAction, labels: LabelChange | null): FieldError[] {
  if (action !== 'label')
    return labels === null ? [] : [{ pointer: '#/labels', detail: 'is for the action label alone' }];
  if (labels === null) return [{ pointer: '#/labels', detail: 'is needed by the action label' }];
  if (Object.keys(labels.set).length === 0 && labels.remove.length === 0)
    return [{ pointer: '#/labels', detail: 'must set or remove at least one label' }];
  return labels.remove.flatMap((name, place) =>
    Object.hasOwn(labels.set, name)
      ? [{ pointer: `#/labels/remove/${place}`, detail: `"${name}" is set and removed: do one of both` }]
      : [],
  );
}
