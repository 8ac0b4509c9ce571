/** Lets a request through only when its actor's role covers the role of the route. */

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
  /** From now on the request only waits, and its place is free. */
  leave: (request: IncomingMessage) => void;
  /** Whether a path that the request's method does not fit has public routes: its 405 needs no credentials. */
  isPublic: (request: FastifyRequest) => boolean;
};

/** A hook for `onRequest`: sets `request.actor`, or ends the request with 401, 403 or 503. */
export function authHook({ authenticate, failedLogins, onRefused, leave, isPublic }: AuthHookOptions) {
  return async (request: FastifyRequest): Promise<void> => {
    const role = request.routeOptions.config.role;
    // A caller with the token of a run reports for its target. The route checks the token.
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
    // An unknown path asks for credentials like others, and is then answered with a 404. The use case checks the role
    // again. This check comes before the body is read, so that a caller without rights learns nothing from faults in
    // its body.
    const refused = role === undefined ? null : refusalOf(answer.value, role);
    if (refused !== null) throw problemFor(refused.errors);
  };
}
