/**
 * `/runs/:id/complete` and `/runs/:id/heartbeat`: reports of the holder of a run, such as a target that answered 202.
 */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Completion, completeRun } from '../../../usecases/runs/complete-run.ts';
import { takeHeartbeat } from '../../../usecases/runs/take-heartbeat.ts';
import type { App, HttpContext } from '../../context.ts';
import { linkBase } from '../../origin/namespace-path.ts';
import { valueOrThrow } from '../../outcome.ts';
import { wholeRunView } from '../../output/views.ts';
import { choice, closed, runIdParams } from '../../schemas/schemas.ts';
import { holderOf, tokenHeader, tokenHook } from './run-token.ts';

export function longWorkRoutes(app: App, context: HttpContext): void {
  const onRequest = tokenHook(context);
  const baseOf = ({ originalUrl }: FastifyRequest) => linkBase(originalUrl, context.door.basePath);

  app.post(
    '/runs/:id/complete',
    {
      // Characters of its output that cannot be stored are replaced rather than refused, because the work is done.
      config: { role: completeRun.needs, anyText: true },
      onRequest,
      schema: {
        summary: 'Say how the work ended, as the target that answered 202',
        tags: ['runs'],
        params: runIdParams,
        headers: tokenHeader,
        body: Type.Optional(
          closed(
            {
              status: Type.Optional(choice(['succeeded', 'failed'], { default: 'succeeded' })),
              output: Type.Optional(
                Type.Unknown({ description: 'Text is kept as it is, anything else as JSON; the first 16 KiB.' }),
              ),
              error: Type.Optional(Type.String({ maxLength: 1_024, description: 'The reason, for `failed`.' })),
              retry: Type.Optional(Type.Boolean({ description: 'false: no further attempt, even if one is left.' })),
            },
            { named: 'CompletionInput' },
          ),
        ),
        response: { 200: Type.Ref('Run#') },
      },
    },
    async (request) => {
      const completion = (request.body ?? {}) as Completion;
      return wholeRunView(
        valueOrThrow(await completeRun(context, holderOf(request, context), completion)),
        baseOf(request),
      );
    },
  );

  app.post(
    '/runs/:id/heartbeat',
    {
      config: { role: takeHeartbeat.needs },
      onRequest,
      schema: {
        summary: 'Say that the work goes on, and how far it is',
        tags: ['runs'],
        params: runIdParams,
        headers: tokenHeader,
        body: Type.Optional(
          closed(
            {
              progress: Type.Optional(
                Type.Unknown({
                  description: 'Any JSON up to 4 KiB, shown with the run: 0.4, or {"done": 40, "of": 100}.',
                }),
              ),
            },
            { named: 'HeartbeatInput' },
          ),
        ),
        response: { 200: Type.Ref('Run#') },
      },
    },
    async (request) => {
      const heartbeat = (request.body ?? {}) as { progress?: unknown };
      return wholeRunView(
        valueOrThrow(await takeHeartbeat(context, holderOf(request, context), heartbeat)),
        baseOf(request),
      );
    },
  );
}
