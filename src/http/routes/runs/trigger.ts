/** `/tasks/:id/trigger`: a run now, and an answer at its end where the client prefers to wait. */

import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { readTraceparent } from '../../../domain/run/trace.ts';
import { getRun } from '../../../usecases/runs/get-run.ts';
import { triggerTask } from '../../../usecases/runs/trigger-task.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { idempotencyKey } from '../../input/idempotency.ts';
import { readTrigger } from '../../input/trigger-input.ts';
import { linkBase } from '../../origin/namespace-path.ts';
import { valueOrThrow } from '../../outcome.ts';
import { wholeRunView } from '../../output/views.ts';
import { taskIdParams } from '../../schemas/schemas.ts';

const longestWaitSeconds = 60;

/** `leave` gives back the place of a request that only waits from now on. */
export function triggerRoutes(app: App, context: HttpContext, leave: (request: IncomingMessage) => void): void {
  app.post(
    '/tasks/:id/trigger',
    {
      config: { role: triggerTask.needs },
      schema: {
        summary: 'Run a task now, whatever its status',
        tags: ['tasks'],
        headers: Type.Object({
          'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
          prefer: Type.Optional(
            Type.String({
              maxLength: 128,
              description:
                '`wait=10` answers when the run is over, after 10 s at the latest. Without waiting where too many wait already.',
            }),
          ),
        }),
        params: taskIdParams,
        body: Type.Optional(Type.Ref('TriggerInput#')),
        response: { 202: Type.Ref('Run#') },
      },
    },
    async (request, reply) => {
      const { id: taskId } = request.params as { id: string };
      const asked = { ...readTrigger(request.body), trace: readTraceparent(request.headers.traceparent) };
      const key = idempotencyKey(request);
      const { runId, replayed } = valueOrThrow(
        await triggerTask(context, callerOf(request), { taskId, ...asked, key }),
      );
      if (replayed) reply.header('idempotency-replayed', 'true');
      const wait = waitAsked(request.headers.prefer);
      const waiting = wait > 0 ? waitForEnd(runId, wait * 1_000, request, reply) : null;
      if (waiting !== null) {
        reply.header('preference-applied', `wait=${wait}`);
        leave(request.raw);
        await waiting;
      }
      const run = valueOrThrow(await getRun(context, callerOf(request), runId));
      return reply
        .code(202)
        .header('location', `/runs/${runId}`)
        .send(wholeRunView(run, linkBase(request.originalUrl, context.door.basePath)));
    },
  );

  /** Null where the request may not wait: too many do, or the client is gone. */
  function waitForEnd(runId: string, ms: number, request: FastifyRequest, reply: FastifyReply): Promise<void> | null {
    if (reply.raw.closed) return null;
    // Keys of different namespaces may have the same name.
    const caller = context.door.open ? request.ip : `${request.acting.namespace} ${request.actor.name}`;
    return context.runWaiters.wait(runId, ms, caller, (gone) => void reply.raw.once('close', gone));
  }
}

/** The seconds in `Prefer: wait=…` (RFC 7240 §4.3), within bounds; 0 when there are none. */
function waitAsked(prefer: string | string[] | undefined): number {
  const asked = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec([prefer ?? ''].flat().join(','))?.[1];
  return Math.min(Number(asked ?? 0), longestWaitSeconds);
}
