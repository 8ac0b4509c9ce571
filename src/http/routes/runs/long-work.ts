/**
 * `/runs/:id/complete` and `/runs/:id/heartbeat`: reports of the holder of a run, such as a target that answered 202.
 */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { attemptOfToken, type TokenHolder } from '../../../usecases/runs/by-token.ts';
import { type Completion, completeRun } from '../../../usecases/runs/complete-run.ts';
import { takeHeartbeat } from '../../../usecases/runs/take-heartbeat.ts';
import type { App, HttpContext } from '../../context.ts';
import { readRoutePath } from '../../origin/namespace-path.ts';
import { valueOrThrow } from '../../outcome.ts';
import { runView } from '../../output/views.ts';
import { ProblemError } from '../../problems.ts';
import { choice, closed, runIdParams } from '../../schemas/schemas.ts';

const tokenHeader = Type.Object({
  'x-run-token': Type.Optional(
    Type.String({
      maxLength: 128,
      description: 'As the call of the target had it. `Authorization: Bearer …` works too.',
    }),
  ),
});
export function longWorkRoutes(app: App, context: HttpContext): void {
  const holderOf = (request: FastifyRequest): TokenHolder => ({
    ...runAndToken(request),
    namespace: readRoutePath(request.originalUrl, context.door.basePath).namespace,
  });
  /** This comes before the body is checked, so that a caller without a token learns nothing from faults in its body. */
  const onRequest = async (request: FastifyRequest) => {
    valueOrThrow(attemptOfToken(context, holderOf(request)));
  };

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
      return runView(valueOrThrow(await completeRun(context, holderOf(request), completion)));
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
      return runView(valueOrThrow(await takeHeartbeat(context, holderOf(request), heartbeat)));
    },
  );
}

/** The run and token of a request; throws a 401 where it has no token. */
function runAndToken(request: FastifyRequest): Omit<TokenHolder, 'namespace'> {
  const { id: runId } = request.params as { id: string };
  const token = tokenOf(request);
  if (token === null)
    throw new ProblemError(
      'unauthenticated',
      'send the token of the run, as the call of its target had it in x-run-token',
      { headers: { 'www-authenticate': 'Bearer realm="punctual"' } },
    );
  return { runId, token };
}

function tokenOf(request: FastifyRequest): string | null {
  const { 'x-run-token': own, authorization } = request.headers;
  if (typeof own === 'string' && own !== '') return own;
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null;
}
