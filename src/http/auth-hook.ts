/** Lets a request through only when its actor's role covers what the route asks for. */

import type { FastifyRequest } from 'fastify';
import { roleAllows } from './actor.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problems.ts';

/** A hook for `onRequest`: sets `request.actor`, or ends the request with 401, 403 or 503. */
export function authHook({ authenticate }: Pick<HttpContext, 'authenticate'>) {
  return async (request: FastifyRequest): Promise<void> => {
    const role = request.routeOptions.config.role;
    // Whoever has the token of a run speaks for its target: the route looks at it.
    if (role === 'public' || role === 'token') return;
    const answer = await authenticate(request.headers);
    if (!answer.ok) {
      const { status, detail, headers } = answer.errors;
      throw new ProblemError(
        status === 401 ? 'unauthenticated' : status === 403 ? 'forbidden' : 'unavailable',
        detail,
        { headers },
      );
    }
    request.actor = answer.value;
    // A path that is no route asks for credentials like the rest, and then is a 404.
    if (role !== undefined && !roleAllows(answer.value.role, role))
      throw new ProblemError(
        'forbidden',
        `this needs the role ${role}; "${answer.value.name}" is ${answer.value.role}`,
      );
  };
}
