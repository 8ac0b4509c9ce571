/** `/tasks/:id/events` and `/misses`: the events of a task, and its occurrences that did not fire. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import type { Misfire } from '../../../domain/schedule/misfire.ts';
import type { CutReason } from '../../../domain/task/change.ts';
import type { TaskEvent } from '../../../store/events/events.ts';
import { listEvents } from '../../../usecases/tasks/list-events.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { decodeCursor, largestPage, sendPage } from '../../output/paging.ts';
import { closed, cursorQuery, limitQuery, taskIdParams } from '../../schemas/schemas.ts';

const instant = Type.String({ format: 'date-time' });

/** Why an occurrence found later than its grace was not fired. */
const missReasons: Record<Misfire['policy'], string> = {
  skip: 'found later than misfire.grace; misfire.policy "skip" fires none of those',
  fire_once: 'found later than misfire.grace; misfire.policy "fire_once" fires only the last of those',
  fire_all: 'found later than misfire.grace; misfire.policy "fire_all" fires only the last misfire.limit of those',
};

export function taskLogRoutes(app: App, context: HttpContext): void {
  /** A page of the task's events, of all types or of one. */
  async function pageOf(
    request: FastifyRequest,
    reply: FastifyReply,
    type: string | null,
    view: (event: TaskEvent) => unknown,
  ) {
    const { id: taskId } = request.params as { id: string };
    const { limit, cursor } = request.query as { limit: number; cursor?: string };
    const last = decodeCursor(cursor, (text) => /^\d{1,15}$/.test(text));
    const page = { before: last === null ? null : Number(last), limit, largest: largestPage };
    const found = valueOrThrow(await listEvents(context, callerOf(request), { taskId, type, ...page }));
    return sendPage(context.turns, reply, found, view, (event) => String(event.id));
  }

  const schema = (summary: string, named: string, item: TSchema) => ({
    summary,
    tags: ['tasks'],
    params: taskIdParams,
    querystring: closed({ limit: limitQuery, cursor: cursorQuery }),
    response: {
      200: Type.Object({ items: Type.Array(item), nextCursor: Type.Unsafe({ type: ['string', 'null'] }) }, { named }),
    },
  });

  app.get(
    '/tasks/:id/events',
    {
      config: { role: listEvents.needs },
      schema: schema(
        'What happened to the task, newest first',
        'EventList',
        Type.Object(
          {
            type: Type.String(),
            at: instant,
            actor: Type.String(),
            requestId: Type.Unsafe({ type: ['string', 'null'] }),
            changes: Type.Unsafe({ named: 'EventChanges', type: ['object', 'null'], additionalProperties: true }),
          },
          { named: 'Event' },
        ),
      ),
    },
    (request, reply) => pageOf(request, reply, null, ({ id: _, ...event }) => event),
  );

  app.get(
    '/tasks/:id/misses',
    {
      config: { role: listEvents.needs },
      schema: schema(
        'Which occurrences did not fire, newest first',
        'MissList',
        Type.Object(
          {
            from: Type.String({ format: 'date-time', description: 'The first of them.' }),
            to: Type.String({ format: 'date-time', description: 'The last of them.' }),
            count: Type.Integer(),
            policy: Type.String(),
            reason: Type.String({
              description:
                '`stopped`, `changed` or `deleted` where the task was before they started; otherwise what misfire.policy says.',
            }),
            recordedAt: instant,
          },
          { named: 'Miss' },
        ),
      ),
    },
    (request, reply) => pageOf(request, reply, 'missed', missView),
  );
}

function missView({ at, changes }: TaskEvent) {
  const { from, to, count, policy, reason } = changes as {
    from: string;
    to: string;
    count: number;
    policy: Misfire['policy'];
    reason?: CutReason;
  };
  return { from, to, count, policy, reason: reason ?? missReasons[policy], recordedAt: at };
}
