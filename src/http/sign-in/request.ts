/** What the routes of sign-in ask of the context and of a request. */

import type { FastifyRequest } from 'fastify';
import type { Visitor } from '../../usecases/sign-in/visitor.ts';
import type { HttpContext } from '../context.ts';
import { ProblemError } from '../problems.ts';
import type { Seals, SignIn } from './sign-in.ts';

/** The issuer and what belongs to it; a 404 where none is set. */
export function oidcOf({ signIn }: Pick<HttpContext, 'signIn'>): NonNullable<SignIn['oidc']> {
  if (signIn.oidc === null)
    throw new ProblemError('not_found', 'nobody signs in with an issuer here: OIDC_ISSUER is not set');
  return signIn.oidc;
}

/** The seals of the cluster; a 503 before the database has been reached. */
export function sealsOf({ signIn }: Pick<HttpContext, 'signIn'>): Seals {
  const seals = signIn.seals();
  if (seals === null)
    throw new ProblemError('unavailable', 'the database has not been reached since the start', {
      headers: { 'retry-after': '1' },
    });
  return seals;
}

export function visitorOf({ ip, id }: FastifyRequest): Visitor {
  return { address: ip, requestId: id };
}
