/** `/runs`: the history, and what can still be done about a run. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isOver, type RunStatus, runStatuses, type Trigger, triggers } from '../../domain/run/run.ts';
import { cancelRun } from '../../store/runs/cancelling.ts';
import { findRun, listRuns, type Run, uidsOf } from '../../store/runs/history.ts';
import { findTask } from '../../store/tasks/tasks.ts';
import { type App, authorOf, type HttpContext } from '../context.ts';
import { instantParameter } from '../input/parameters.ts';
import { originOf } from '../input/trigger-input.ts';
import { makeManualRun, tellManualRun } from '../manual-run.ts';
import { decodeCursor, sendPage, upTo, uuidText } from '../output/paging.ts';
import { runView } from '../output/views.ts';
import { notFound, ProblemError } from '../problems.ts';
import { retryOnConflict } from '../retry-on-conflict.ts';
import { choices, closed, cursorQuery, instantQuery, limitQuery, pageOf, taskIdParams } from '../schemas/schemas.ts';

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

const runParams = Type.Object({ id: Type.String({ maxLength: 128 }) });

export function runRoutes(app: App, context: HttpContext): void {
  const { database, now, turns } = context;

  async function list(request: FastifyRequest, reply: FastifyReply, taskId: string | null) {
    const query = request.query as Query;
    const found = await listRuns(database, {
      taskId,
      statuses: query.status ?? [],
      triggers: query.trigger ?? [],
      from: instantParameter('from', query.from),
      to: instantParameter('to', query.to),
      before: decodeCursor(query.cursor, uuidText),
      limit: query.limit + 1,
    });
    return sendPage(turns, reply, upTo(found, query.limit), runView, (run) => run.id);
  }

  /** The run that the path names; throws a 404. */
  async function knownRun(request: FastifyRequest): Promise<Run> {
    const { id } = request.params as { id: string };
    const run = uuidText.test(id) ? await findRun(database, id) : null;
    if (!run) throw notFound(`run "${id}"`);
    return run;
  }

  app.get(
    '/runs',
    {
      config: { role: 'reader' },
      schema: {
        summary: 'List runs, newest first',
        tags: ['runs'],
        querystring: closed({ ...filters, task: Type.Optional(Type.String({ maxLength: 128 })) }),
        response: { 200: pageOf('Run') },
      },
    },
    (request, reply) => list(request, reply, (request.query as Query).task ?? null),
  );

  app.get(
    '/tasks/:id/runs',
    {
      config: { role: 'reader' },
      schema: {
        summary: "List a task's runs, newest first",
        tags: ['runs'],
        params: taskIdParams,
        querystring: closed(filters),
        response: { 200: pageOf('Run') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      if ((await uidsOf(database, id)).length === 0) throw notFound(`task "${id}"`);
      return list(request, reply, id);
    },
  );

  app.get(
    '/runs/:id',
    {
      config: { role: 'reader' },
      schema: {
        summary: 'Read a run with its attempts',
        tags: ['runs'],
        params: runParams,
        response: { 200: Type.Ref('Run#') },
      },
    },
    async (request) => runView(await knownRun(request)),
  );

  app.post(
    '/runs/:id/cancel',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Cancel a run; a running attempt is aborted on whichever replica has it',
        tags: ['runs'],
        params: runParams,
        body: Type.Optional(closed({})),
        response: { 202: Type.Ref('Run#') },
      },
    },
    async (request, reply) => {
      const { id } = await knownRun(request);
      const answer = await cancelRun(database.pool, id, authorOf(request), now());
      if (answer?.result === 'cancelled') context.signal('over');
      if (answer?.result === 'over') throw new ProblemError('illegal_transition', 'the run is already over');
      context.metrics.cancelled('request', 1);
      // A place may be free at once, where no attempt has to be aborted.
      context.signal(answer?.result === 'cancelled' ? 'waiting' : 'cancel');
      return reply.code(202).send(runView(await knownRun(request)));
    },
  );

  app.post(
    '/runs/:id/retry',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Run the same task again, as a new run',
        tags: ['runs'],
        params: runParams,
        body: Type.Optional(closed({})),
        response: { 202: Type.Ref('Run#') },
      },
    },
    async (request, reply) => {
      const run = await knownRun(request);
      if (!isOver(run.status)) throw new ProblemError('illegal_transition', `the run is still ${run.status}`);
      const task = await findTask(database.pool, run.taskId);
      const target = task?.uid === run.taskUid ? { uid: task.uid, overlap: task.definition.overlap } : null;
      const asked = {
        trigger: 'retry' as const,
        origin: originOf(request, run.origin?.source ?? null),
        input: run.input,
        priority: null,
        scheduledFor: null,
      };
      const made =
        target && (await retryOnConflict(() => makeManualRun(context, { ...target, ...asked }, authorOf(request))));
      if (made === null) throw new ProblemError('illegal_transition', 'the task of this run has been deleted');
      tellManualRun(context, made, task?.definition.hooks?.before != null);
      const { runId } = made;
      const stored = await findRun(database, runId);
      return reply
        .code(202)
        .header('location', `/runs/${runId}`)
        .send(stored && runView(stored));
    },
  );
}
