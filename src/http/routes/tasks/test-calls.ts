/** `/tasks/:id/test` and `/targets/test`: one call now, without a run. */

import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { testTarget } from '../../../usecases/test-calls/test-target.ts';
import { testTask } from '../../../usecases/test-calls/test-task.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { duration, optional } from '../../schemas/parts.ts';
import { closed, taskIdParams } from '../../schemas/schemas.ts';

const text = Type.Unsafe({ type: ['string', 'null'] });
const answer = Type.Object(
  {
    request: Type.Unsafe({
      type: 'object',
      additionalProperties: true,
      description: 'What was sent, without credentials: of an HTTP target `method`, `url`, `headers` and `body`.',
    }),
    outcome: Type.Object({
      status: Type.String({ enum: ['succeeded', 'failed', 'timed_out', 'cancelled', 'held'] }),
      httpStatus: Type.Unsafe({ type: ['integer', 'null'] }),
      output: text,
      error: Type.Unsafe({
        type: ['object', 'null'],
        required: ['kind', 'message'],
        properties: { kind: { type: 'string' }, message: { type: 'string' } },
      }),
      durationMs: Type.Integer({ minimum: 0 }),
    }),
  },
  { named: 'TestedCall' },
);

/** `leave` gives back the place of a request that only waits from now on. */
export function testCallRoutes(app: App, context: HttpContext, leave: (request: IncomingMessage) => void): void {
  /** The request waits for its target, until its client is gone. */
  function waiting(request: FastifyRequest, reply: FastifyReply) {
    return (cancel: () => void) => {
      leave(request.raw);
      if (reply.raw.closed) cancel();
      else reply.raw.once('close', cancel);
    };
  }

  app.post(
    '/tasks/:id/test',
    {
      config: { role: testTask.needs },
      schema: {
        summary: 'Call the target of a task once, without a run',
        tags: ['tasks'],
        params: taskIdParams,
        response: { 200: answer },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      return valueOrThrow(await testTask(context, callerOf(request), { id, onGone: waiting(request, reply) }));
    },
  );

  app.post(
    '/targets/test',
    {
      config: { role: testTarget.needs },
      schema: {
        summary: 'Call a target once, without a task',
        tags: ['tasks'],
        body: closed({ target: Type.Ref('TargetInput#'), timeout: optional(duration) }, { named: 'TestTargetInput' }),
        response: { 200: answer },
      },
    },
    async (request, reply) => {
      const { target, timeout = null } = request.body as { target: unknown; timeout?: string | null };
      const asked = { target, timeout, onGone: waiting(request, reply) };
      return valueOrThrow(await testTarget(context, callerOf(request), asked));
    },
  );
}
