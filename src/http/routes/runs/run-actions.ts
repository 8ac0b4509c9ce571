/** `/runs/:id/cancel` and `/retry`. */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { readTraceparent } from '../../../domain/run/trace.ts';
import { cancelRun } from '../../../usecases/runs/cancel-run.ts';
import { retryRun } from '../../../usecases/runs/retry-run.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { linkBase } from '../../origin/namespace-path.ts';
import { valueOrThrow } from '../../outcome.ts';
import { wholeRunView } from '../../output/views.ts';
import { closed, runIdParams } from '../../schemas/schemas.ts';

export function runActionRoutes(app: App, context: HttpContext): void {
  const baseOf = ({ originalUrl }: FastifyRequest) => linkBase(originalUrl, context.door.basePath);

  app.post(
    '/runs/:id/cancel',
    {
      config: { role: cancelRun.needs },
      schema: {
        summary: 'Cancel a run; a running attempt is aborted on whichever replica has it',
        tags: ['runs'],
        params: runIdParams,
        body: Type.Optional(closed({})),
        response: { 202: Type.Ref('Run#') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const run = valueOrThrow(await cancelRun(context, callerOf(request), id));
      return reply.code(202).send(wholeRunView(run, baseOf(request)));
    },
  );

  app.post(
    '/runs/:id/retry',
    {
      config: { role: retryRun.needs },
      schema: {
        summary: 'Run the same task again, as a new run',
        tags: ['runs'],
        params: runIdParams,
        body: Type.Optional(closed({})),
        response: { 202: Type.Ref('Run#') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const trace = readTraceparent(request.headers.traceparent);
      const { runId, run } = valueOrThrow(await retryRun(context, callerOf(request), { id, trace }));
      return reply
        .code(202)
        .header('location', `/runs/${runId}`)
        .send(run && wholeRunView(run, baseOf(request)));
    },
  );
}
