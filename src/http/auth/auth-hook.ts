/** Lets a request through only when its actor's role covers what the route asks for. */

import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { refusalOf } from '../../usecases/use-case.ts';
import type { HttpContext } from '../context.ts';
import { problemFor } from '../outcome.ts';
import { ProblemError } from '../problems.ts';
import type { Refusal } from './actor.ts';
import type { FailedLogins } from './failed-logins.ts';

export type AuthHookOptions = Pick<HttpContext, 'authenticate'> & {
  failedLogins: FailedLogins;
  onRefused: (reason: Refusal['reason']) => void;
  /** The request only waits from now on: its place is free. */
  leave: (request: IncomingMessage) => void;
  /** Whether a path that the request's method does not fit has public routes: its 405 needs no credentials. */
  isPublic: (request: FastifyRequest) => boolean;
};

/** A hook for `onRequest`: sets `request.actor`, or ends the request with 401, 403 or 503. */
export function authHook({ authenticate, failedLogins, onRefused, leave, isPublic }: AuthHookOptions) {
  return async (request: FastifyRequest): Promise<void> => {
    const role = request.routeOptions.config.role;
    // A caller with the token of a run speaks for its target: the route checks the token.
    if (role === 'public' || role === 'token') return;
    if (role === undefined && isPublic(request)) return;
    const answer = await authenticate(request.headers);
    if (!answer.ok) {
      const { status, detail, headers, reason } = answer.errors;
      onRefused(reason);
      if (status === 401) {
        leave(request.raw);
        const forwardedFor = String(request.headers['x-forwarded-for'] ?? '');
        await failedLogins.refused(request.ip, { reason, forwardedFor });
      }
      throw new ProblemError(
        status === 401 ? 'unauthenticated' : status === 403 ? 'forbidden' : 'unavailable',
        detail,
        { headers },
      );
    }
    request.actor = answer.value;
    // A path that is no route asks for credentials like the rest, and then is a 404.
    // The use case looks at the role again: here a stranger learns nothing from what happens to its body.
    const refused = role === undefined ? null : refusalOf(answer.value, role);
    if (refused !== null) throw problemFor(refused.errors);
  };
}
