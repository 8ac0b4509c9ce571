/** Reads the token of a run from a request: calls of the holder of a run have it instead of other credentials. */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { attemptOfToken, type TokenHolder } from '../../../usecases/runs/by-token.ts';
import type { HttpContext } from '../../context.ts';
import { readRoutePath } from '../../origin/namespace-path.ts';
import { valueOrThrow } from '../../outcome.ts';
import { ProblemError } from '../../problems.ts';

export const tokenHeader = Type.Object({
  'x-run-token': Type.Optional(
    Type.String({
      maxLength: 128,
      description: 'As the call of the target had it. `Authorization: Bearer …` works too.',
    }),
  ),
});

/** The run and the token of a request; throws a 401 where it has no token. */
export function holderOf(request: FastifyRequest, { door }: Pick<HttpContext, 'door'>): TokenHolder {
  return { ...runAndToken(request), namespace: readRoutePath(request.originalUrl, door.basePath).namespace };
}

/**
 * A hook for `onRequest` that refuses what is no token of the run. It comes before the body is checked, so that a caller
 * without a token learns nothing from faults in its body.
 */
export function tokenHook(context: HttpContext) {
  return async (request: FastifyRequest): Promise<void> => {
    valueOrThrow(attemptOfToken(context, holderOf(request, context)));
  };
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
