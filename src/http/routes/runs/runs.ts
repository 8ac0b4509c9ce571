/** `/runs`: the history. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type RunStatus, runStatuses, type Trigger, triggers } from '../../../domain/run/run.ts';
import type { Run } from '../../../store/runs/history.ts';
import { getRun, isRunId } from '../../../usecases/runs/get-run.ts';
import { listRuns, listTaskRuns } from '../../../usecases/runs/list-runs.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { instantParameter } from '../../input/parameters.ts';
import { linkBase } from '../../origin/namespace-path.ts';
import { valueOrThrow } from '../../outcome.ts';
import { decodeCursor, sendPage, upTo } from '../../output/paging.ts';
import { runView, wholeRunView } from '../../output/views.ts';
import {
  choices,
  closed,
  cursorQuery,
  instantQuery,
  limitQuery,
  pageOf,
  runIdParams,
  taskIdParams,
} from '../../schemas/schemas.ts';

const filters = {
  limit: limitQuery,
  cursor: cursorQuery,
  status: choices(runStatuses),
  trigger: choices(triggers),
  from: instantQuery,
  to: instantQuery,
};
type Query = {
  limit: number;
  cursor?: string;
  status?: RunStatus[];
  trigger?: Trigger[];
  from?: string;
  to?: string;
  task?: string;
};

export function runRoutes(app: App, context: HttpContext): void {
  app.get(
    '/runs',
    {
      config: { role: listRuns.needs },
      schema: {
        summary: 'List runs, newest first',
        tags: ['runs'],
        querystring: closed({ ...filters, task: Type.Optional(Type.String({ maxLength: 128 })) }),
        response: { 200: pageOf('Run') },
      },
    },
    async (request, reply) => {
      const { task: taskId = null } = request.query as Query;
      const filter = { ...filterOf(request), taskId };
      return send(context, reply, valueOrThrow(await listRuns(context, callerOf(request), filter)));
    },
  );

  app.get(
    '/tasks/:id/runs',
    {
      config: { role: listTaskRuns.needs },
      schema: {
        summary: "List a task's runs, newest first",
        tags: ['runs'],
        params: taskIdParams,
        querystring: closed(filters),
        response: { 200: pageOf('Run') },
      },
    },
    async (request, reply) => {
      const { id: taskId } = request.params as { id: string };
      const filter = { ...filterOf(request), taskId };
      return send(context, reply, valueOrThrow(await listTaskRuns(context, callerOf(request), filter)));
    },
  );

  app.get(
    '/runs/:id',
    {
      config: { role: getRun.needs },
      schema: {
        summary: 'Read a run with its attempts',
        tags: ['runs'],
        params: runIdParams,
        response: { 200: Type.Ref('Run#') },
      },
    },
    async (request) => {
      const { id } = request.params as { id: string };
      const base = linkBase(request.originalUrl, context.door.basePath);
      return wholeRunView(valueOrThrow(await getRun(context, callerOf(request), id)), base);
    },
  );
}

function filterOf(request: FastifyRequest) {
  const query = request.query as Query;
  return {
    statuses: query.status ?? [],
    triggers: query.trigger ?? [],
    from: instantParameter('from', query.from),
    to: instantParameter('to', query.to),
    before: decodeCursor(query.cursor, isRunId),
    // One more tells whether a page follows.
    limit: query.limit + 1,
  };
}

function send({ turns }: HttpContext, reply: FastifyReply, found: readonly Run[]): Promise<FastifyReply> {
  const { limit } = reply.request.query as Query;
  return sendPage(turns, reply, upTo(found, limit), runView, ({ id }) => id);
}
