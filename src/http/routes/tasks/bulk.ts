/** `/bulk`: one action on all tasks that a filter selects, and how far it has come. */

import { Type } from 'typebox';
import type { BulkAction, BulkSelect, LabelChange } from '../../../domain/bulk/bulk.ts';
import { formatInstant } from '../../../domain/input/instant.ts';
import { type TaskStatus, taskStatuses } from '../../../domain/task/states.ts';
import type { Bulk } from '../../../store/bulk/bulks.ts';
import { getBulk } from '../../../usecases/bulk/get-bulk.ts';
import { startBulk } from '../../../usecases/bulk/start-bulk.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { invalidField } from '../../problems.ts';
import { bulkInput, shownBulk } from '../../schemas/bulk.ts';
import { runIdParams } from '../../schemas/schemas.ts';
import { readLabel } from './list-tasks.ts';

type Body = {
  select?: { [Name in keyof BulkSelect]: BulkSelect[Name] | null };
  action: BulkAction;
  labels?: { [Name in keyof LabelChange]?: LabelChange[Name] | null } | null;
  expect: number;
};

export function bulkRoutes(app: App, context: HttpContext): void {
  app.post(
    '/bulk',
    {
      config: { role: startBulk.needs },
      schema: {
        summary: 'Start, stop, trigger, delete or label all tasks that a filter selects',
        tags: ['tasks'],
        body: bulkInput,
        response: { 202: Type.Object({ id: Type.String() }, { named: 'BulkStarted' }) },
      },
    },
    async (request, reply) => {
      const { action, labels = null, expect, select: given = {} } = request.body as Body;
      const select = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)) as BulkSelect;
      const conditions = {
        q: select.q || null,
        statuses: statusesOf(select),
        labels: listOf(select.label).map(readLabel),
      };
      const change = labels && { set: labels.set ?? {}, remove: labels.remove ?? [] };
      const wanted = { action, select, conditions, labels: change, expect };
      const id = valueOrThrow(await startBulk(context, callerOf(request), wanted));
      return reply.code(202).header('location', `/bulk/${id}`).send({ id });
    },
  );

  app.get(
    '/bulk/:id',
    {
      config: { role: getBulk.needs },
      schema: {
        summary: 'Read how far a bulk change has come',
        tags: ['tasks'],
        params: runIdParams,
        response: { 200: shownBulk },
      },
    },
    async (request) => {
      const { id } = request.params as { id: string };
      return view(valueOrThrow(await getBulk(context, callerOf(request), id)));
    },
  );
}

function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : [value].flat();
}

function statusesOf({ status }: BulkSelect): TaskStatus[] {
  const wrong = listOf(status).find((each) => !taskStatuses.some((known) => known === each));
  if (wrong !== undefined)
    throw invalidField([
      { pointer: '#/select/status', detail: `"${wrong}" must be one of ${taskStatuses.join(', ')}` },
    ]);
  return listOf(status) as TaskStatus[];
}

function view({ left, ...bulk }: Bulk) {
  const { id, action, selection: select, labels, total, unchanged, failed, errors, actor } = bulk;
  const { created_at: createdAt, finished_at: finishedAt } = bulk;
  return {
    ...{ id, action, select, labels, status: finishedAt === null ? 'running' : 'done', total },
    ...{ done: Math.max(0, total - left - failed), unchanged, failed, errors },
    createdAt: formatInstant(createdAt.getTime()),
    finishedAt: finishedAt === null ? null : formatInstant(finishedAt.getTime()),
    actor,
  };
}
