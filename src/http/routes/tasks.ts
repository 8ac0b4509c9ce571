/** `/tasks`: list, read, replace, patch, delete. */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Warning } from '../../domain/input/warning.ts';
import { defaultNamespace } from '../../domain/namespace.ts';
import { cutByDeletion } from '../../domain/task/change.ts';
import type { Unaccounted } from '../../domain/task/cut.ts';
import { type TaskStatus, taskStatuses } from '../../domain/task/states.ts';
import type { TaskInput } from '../../domain/task/task.ts';
import { cancelRunsOf } from '../../store/runs/cancelling.ts';
import { lastRuns, uidsOf } from '../../store/runs/history.ts';
import { claimsAreOver } from '../../store/tasks/barrier.ts';
import { removeTask } from '../../store/tasks/changes.ts';
import { type ListedTask, listTasks, readTasks } from '../../store/tasks/pages.ts';
import type { Task } from '../../store/tasks/row.ts';
import { findTask, insertTasks } from '../../store/tasks/tasks.ts';
import { resultOf } from '../../turns.ts';
import { type App, authorOf, type HttpContext } from '../context.ts';
import { checkIfMatch, etagOf, isKnown } from '../input/preconditions.ts';
import type { Validation } from '../input/validation.ts';
import { liveTask } from '../live-task.ts';
import { creationOf, newTask, sendCreation } from '../new-task.ts';
import { decodeCursor, largestPage, sendWritten, type Written } from '../output/paging.ts';
import { createTaskTexts } from '../output/task-texts.ts';
import { taskView } from '../output/views.ts';
import { notFound, ProblemError } from '../problems.ts';
import { patchTask, replaceTask, resolveCut, triesOf } from '../revisions.ts';
import { choices, closed, cursorQuery, limitQuery, pageOf, taskIdParams } from '../schemas/schemas.ts';

/** So many definitions come from the database at once for a page: at most a dozen megabytes. */
const readAtOnce = 16;

export function taskRoutes(app: App, context: HttpContext, validation: Validation): void {
  const { database, calendar, now, turns } = context;
  const db = database.pool;
  const texts = createTaskTexts(context);

  async function view(task: Task, { actor }: FastifyRequest) {
    const last = await lastRuns(db, [task.uid]);
    return taskView(task, last.get(task.uid), now(), context, actor.role);
  }

  /** Waits for claims that did not see that these tasks were deleted, then cancels what waits of them. */
  async function endRunsOf(uids: readonly number[], between = async () => {}): Promise<void> {
    if (uids.length === 0) return;
    await claimsAreOver(database, () => context.pause(2));
    await between();
    for (const uid of uids) {
      const { cancelled } = await cancelRunsOf(db, uid, 'pending', 'task deleted', now());
      context.metrics.cancelled('delete', cancelled);
    }
  }

  app.get(
    '/tasks',
    {
      config: { role: 'reader' },
      schema: {
        summary: 'List tasks by id',
        tags: ['tasks'],
        querystring: closed({
          limit: limitQuery,
          cursor: cursorQuery,
          status: choices(taskStatuses),
          label: Type.Optional(
            Type.Array(
              Type.Unsafe<string>({
                type: 'string',
                maxLength: 320,
                pattern: '^[^:]+:.*$',
                patternHint: 'must be name:value',
              }),
              { maxItems: 16 },
            ),
          ),
          q: Type.Optional(Type.String({ maxLength: 256, description: 'Part of the id or name.' })),
        }),
        response: { 200: pageOf('Task') },
      },
    },
    async (request, reply) => {
      const query = request.query as {
        limit: number;
        cursor?: string;
        status?: TaskStatus[];
        label?: string[];
        q?: string;
      };
      const found = await listTasks(db, {
        namespace: defaultNamespace,
        statuses: query.status ?? [],
        labels: (query.label ?? []).map(readLabel),
        q: query.q || null,
        after: decodeCursor(query.cursor, (text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text)),
        limit: query.limit,
      });
      const { role } = request.actor;
      const at = now();
      // Looked up before others are kept, which may push them out.
      const known = new Map<number, string>();
      const note = async (task: ListedTask) => {
        if (texts.isDear(task, role, at)) await turns.take();
        const text = texts.textOf(task, role, at);
        if (text !== null) known.set(task.uid, text);
      };
      for (const task of found.items) await note(task);
      const unknown = found.items.filter(({ uid }) => !known.has(uid));
      // In parts, until a page is full: hundreds of the largest tasks would be a hundred megabytes.
      for (let from = 0, bytes = 0; from < unknown.length && bytes <= largestPage; from += readAtOnce) {
        const part = new Map(unknown.slice(from, from + readAtOnce).map((task) => [task.uid, task]));
        for (const task of await readTasks(db, [...part.keys()])) {
          await turns.take();
          texts.keep(task, role);
          // It may have changed since it was found.
          await note({ ...(part.get(task.uid) as ListedTask), version: task.version });
          bytes += known.get(task.uid)?.length ?? 0;
        }
      }
      const written: Written[] = [];
      for (const { id, uid } of found.items) {
        const text = known.get(uid);
        // It has gone, or it is too large for this page, which then ends here. The first is never too large.
        if (text === undefined && written.length > 0) break;
        written.push({ text: text ?? '', cursor: id });
      }
      return sendWritten(reply, written, found.more || written.length < found.items.length);
    },
  );

  app.get(
    '/tasks/:id',
    {
      config: { role: 'reader' },
      schema: {
        summary: 'Read a task',
        tags: ['tasks'],
        params: taskIdParams,
        response: { 200: Type.Ref('Task#'), 304: Type.Null() },
      },
    },
    async (request, reply) => {
      const task = await liveTask(context, request);
      reply.header('etag', etagOf(task));
      if (isKnown(request, task)) return reply.code(304).send();
      return view(task, request);
    },
  );

  app.put(
    '/tasks/:id',
    {
      config: { role: 'admin' },
      schema: {
        summary: 'Create or replace a task',
        tags: ['tasks'],
        params: taskIdParams,
        body: Type.Ref('TaskInput#'),
        response: { 200: Type.Ref('Task#'), 201: Type.Ref('Task#') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const input = request.body as TaskInput;
      const createOnly = request.headers['if-none-match'] === '*';
      for await (const _ of triesOf(context)) {
        const warnings: Warning[] = [];
        const current = await findTask(db, defaultNamespace, id);
        if (!current) {
          if (request.headers['if-match'] !== undefined)
            throw new ProblemError('precondition_failed', 'the task does not exist');
          const [task] = await insertTasks(db, [newTask(context, request, { ...input, id }, warnings)], now());
          if (!task) continue; // Somebody created it in between: replace theirs.
          context.signal('tasks');
          return sendCreation(reply, creationOf(task, context, request, warnings));
        }
        if (createOnly) throw new ProblemError('precondition_failed', `a task with the id "${id}" exists`);
        checkIfMatch(request, current);
        const task = await replaceTask(context, request, current, input, warnings);
        if (task) {
          reply.header('etag', etagOf(task));
          return { ...(await view(task, request)), warnings };
        }
      }
      throw new ProblemError('conflict', 'the task is being changed too often; try again');
    },
  );

  app.patch(
    '/tasks/:id',
    {
      config: { role: 'admin' },
      schema: {
        summary: 'Change some fields of a task (RFC 7396)',
        tags: ['tasks'],
        consumes: ['application/merge-patch+json', 'application/json'],
        params: taskIdParams,
        body: Type.Object({}, { description: 'A merge patch of the fields of TaskInput.' }),
        response: { 200: Type.Ref('Task#') },
      },
    },
    async (request, reply) => {
      for await (const _ of triesOf(context)) {
        const warnings: Warning[] = [];
        const current = await liveTask(context, request);
        checkIfMatch(request, current);
        const task = await patchTask(context, request, current, request.body, validation, warnings);
        if (task) {
          reply.header('etag', etagOf(task));
          return { ...(await view(task, request)), warnings };
        }
      }
      throw new ProblemError('conflict', 'the task is being changed too often; try again');
    },
  );

  app.delete(
    '/tasks/:id',
    {
      config: { role: 'admin' },
      schema: {
        summary: 'Delete a task; its runs stay',
        tags: ['tasks'],
        params: taskIdParams,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const current = await findTask(db, defaultNamespace, id);
      if (!current) {
        // It may repeat a deletion that was committed and then failed.
        await endRunsOf(await uidsOf(database, defaultNamespace, id));
        throw notFound(`task "${id}"`);
      }
      checkIfMatch(request, current);
      const version = request.headers['if-match'] === undefined ? null : current.version;
      const cut = async (task: Task, open: Unaccounted) =>
        (await resultOf(cutByDeletion(task, open, calendar), context.holdingTurns)).miss;
      const gone = await removeTask(database, current.namespace, id, version, cut, authorOf(request));
      if (!gone)
        throw version === null
          ? notFound(`task "${id}"`)
          : new ProblemError('precondition_failed', 'the task has changed');
      context.signal('tasks');
      const { missed } = gone;
      await endRunsOf([gone.uid], async () => {
        if (missed) await resolveCut(context, missed);
      });
      return reply.code(204).send();
    },
  );
}

/** `name:value`; the value may hold colons. */
function readLabel(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  return [text.slice(0, colon), text.slice(colon + 1)];
}
