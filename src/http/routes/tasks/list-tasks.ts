/** `GET /tasks`: pages of tasks, written from texts that are kept. */

import { Type } from 'typebox';
import { type TaskStatus, taskStatuses } from '../../../domain/task/states.ts';
import type { ListedTask } from '../../../store/tasks/pages.ts';
import { getTasks, listTasks } from '../../../usecases/tasks/list-tasks.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { decodeCursor, largestPage, sendWritten, type Written } from '../../output/paging.ts';
import { createTaskTexts } from '../../output/task-texts.ts';
import { choices, closed, cursorQuery, limitQuery, pageOf } from '../../schemas/schemas.ts';

/** So many definitions come from the database at once for a page: at most a dozen megabytes. */
const readAtOnce = 16;

export function listTaskRoutes(app: App, context: HttpContext): void {
  const { now, turns } = context;
  const texts = createTaskTexts(context);

  app.get(
    '/tasks',
    {
      config: { role: listTasks.needs },
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
          include: choices(['strip']),
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
        include?: 'strip'[];
      };
      const caller = callerOf(request);
      const filter = {
        statuses: query.status ?? [],
        labels: (query.label ?? []).map(readLabel),
        q: query.q || null,
        after: decodeCursor(query.cursor, (text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text)),
        limit: query.limit,
        withStrip: query.include?.includes('strip') ?? false,
      };
      const found = valueOrThrow(await listTasks(context, caller, filter));
      const { role } = caller;
      const at = now();
      // Looked up before others are kept, because these may evict them.
      const known = new Map<number, string>();
      const note = async (task: ListedTask) => {
        if (texts.isSlow(task, role, at)) await turns.take();
        const text = texts.textOf(task, role, at);
        if (text !== null) known.set(task.uid, text);
      };
      for (const task of found.items) await note(task);
      const unknown = found.items.filter(({ uid }) => !known.has(uid));
      // In parts, until a page is full: hundreds of the largest tasks would be a hundred megabytes.
      for (let from = 0, bytes = 0; from < unknown.length && bytes <= largestPage; from += readAtOnce) {
        const part = new Map(unknown.slice(from, from + readAtOnce).map((task) => [task.uid, task]));
        for (const task of valueOrThrow(await getTasks(context, caller, [...part.keys()]))) {
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
        // The task is deleted, or too large for this page, which then ends here. The first is never too large.
        if (text === undefined && written.length > 0) break;
        written.push({ text: text ?? '', cursor: id });
      }
      return sendWritten(reply, written, found.more || written.length < found.items.length);
    },
  );
}

/** `name:value`; the value may hold colons. */
export function readLabel(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  return [text.slice(0, colon), text.slice(colon + 1)];
}
