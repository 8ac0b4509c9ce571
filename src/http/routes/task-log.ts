/** `/tasks/:id/events` and `/misses`: what happened to a task, and which occurrences did not fire. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { defaultNamespace } from '../../domain/namespace.ts';
import type { Misfire } from '../../domain/schedule/misfire.ts';
import type { CutReason } from '../../domain/task/change.ts';
import { listEvents, type TaskEvent } from '../../store/events/events.ts';
import { uidsOf } from '../../store/runs/history.ts';
import type { App, HttpContext } from '../context.ts';
import { decodeCursor, largestPage, sendPage } from '../output/paging.ts';
import { notFound } from '../problems.ts';
import { closed, cursorQuery, limitQuery, taskIdParams } from '../schemas/schemas.ts';

const instant = Type.String({ format: 'date-time' });

/** Why an occurrence found later than its grace was not fired. */
const missReasons: Record<Misfire['policy'], string> = {
  skip: 'found later than misfire.grace; misfire.policy "skip" fires none of those',
  fire_once: 'found later than misfire.grace; misfire.policy "fire_once" fires only the last of those',
  fire_all: 'found later than misfire.grace; misfire.policy "fire_all" fires only the last misfire.limit of those',
};

export function taskLogRoutes(app: App, context: HttpContext): void {
  const { database, turns } = context;

  /** A page of the task's events, of all types or of one. */
  async function pageOf(
    request: FastifyRequest,
    reply: FastifyReply,
    type: string | null,
    view: (event: TaskEvent) => unknown,
  ) {
    const { id } = request.params as { id: string };
    const { limit, cursor } = request.query as { limit: number; cursor?: string };
    const [uid] = await uidsOf(database, defaultNamespace, id);
    if (uid === undefined) throw notFound(`task "${id}"`);
    const before = decodeCursor(cursor, (text) => /^\d{1,15}$/.test(text));
    const found = await listEvents(database.pool, {
      uid,
      type,
      before: before === null ? null : Number(before),
      limit,
      largest: largestPage,
    });
    return sendPage(turns, reply, found, view, (event) => String(event.id));
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
      config: { role: 'reader' },
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
      config: { role: 'reader' },
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
