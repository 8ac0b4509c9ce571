/** `/runs/:id/log/follow`: the log of a run as it grows, as server-sent events. */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { followLog, readPage } from '../../../usecases/logs/read-log.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { invalidField } from '../../problems.ts';
import { offsetQuery } from '../../schemas/logs.ts';
import { closed, runIdParams } from '../../schemas/schemas.ts';
import type { EventStreams } from '../../sse/event-streams.ts';
import { createLogFollower } from '../../sse/log-follower.ts';

/** An event has at most so many bytes of a log. */
const largestEvent = 32 * 1024;

/** After an error it is read again after so many milliseconds. */
const retryMs = 1_000;

export function followRoutes(app: App, context: HttpContext, streams: EventStreams): void {
  app.get(
    '/runs/:id/log/follow',
    {
      config: { role: followLog.needs, streams: true },
      schema: {
        summary: 'Follow the log of a run until it ends',
        tags: ['runs'],
        params: runIdParams,
        headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ maxLength: 128 })) }),
        querystring: closed({ offset: Type.Optional(offsetQuery) }),
        response: { 200: { content: { 'text/event-stream': { schema: { type: 'string' } } } } },
      },
    },
    async (request, reply) => {
      const { id: runId } = request.params as { id: string };
      const offset = offsetOf(request);
      valueOrThrow(await followLog(context, callerOf(request), runId));
      let isOver = false;
      let unfollow = () => {};
      const stream = streams.open(request, reply, {
        onReady: () => follower.goOn(),
        onClosed() {
          isOver = true;
          unfollow();
        },
      });
      if (stream === null) return;
      const follower = createLogFollower({
        stream,
        offset,
        read: async (at) => (isOver ? null : readPage(context, { runId, offset: at, most: largestEvent })),
        onError(err) {
          request.log.warn({ err }, 'the log could not be read on');
          context.clock.after(retryMs, follower.goOn);
        },
      });
      if (isOver) return;
      unfollow = context.logs.follow(runId, follower.goOn);
      follower.goOn();
    },
  );
}

/** Where to begin: after what the client has, or where it asks. */
function offsetOf({ headers, query }: FastifyRequest): number {
  const { offset = 0 } = query as { offset?: number };
  const { 'last-event-id': lastId = '' } = headers;
  if (lastId === '') return offset;
  if (!/^\d{1,15}$/.test(String(lastId)))
    throw invalidField([{ pointer: '#/last-event-id', detail: 'must be the id of an event of this stream' }]);
  return Number(lastId);
}
