/** Answers a request with the problem that an error is for its client. */

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { failureOf } from '../../usecases/failure.ts';
import { ProblemError, problemOf, problemTable } from '../problems.ts';
import { pageOf, wantsPage } from '../sign-in/page.ts';

const diskFull = 'the disk of the database is full: nothing can be written until there is room on it';

/** As a page where the route is for browsers and the client asks for one, else as JSON. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: ProblemError,
  basePath: string,
): FastifyReply {
  const document = problemOf(problem, request);
  reply.code(problemTable[problem.code].status).headers(problem.headers);
  return request.routeOptions.config.page === true && wantsPage(request.headers.accept)
    ? reply.type('text/html; charset=utf-8').send(pageOf(document, `${basePath}/auth/login`))
    : reply.type('application/problem+json').send(document);
}

/** The problem that an error of a handler or of Fastify itself is for the client. */
export function problemOfError(error: FastifyError): ProblemError {
  if (error instanceof ProblemError) return error;
  const failure = failureOf(error);
  if (failure === 'unavailable' || failure === 'disk_full')
    return new ProblemError(
      'unavailable',
      failure === 'disk_full' ? diskFull : 'the database cannot be reached right now',
      { headers: { 'retry-after': '1' } },
    );
  if (failure === 'bad_data') return new ProblemError('malformed', 'a value in the request cannot be stored');
  switch (error.statusCode) {
    case 413:
      return new ProblemError('too_large', 'the body is larger than this call accepts');
    case 415:
      return new ProblemError(
        'unsupported_media_type',
        'send the body as JSON, with the header content-type: application/json',
      );
    case undefined:
      return new ProblemError('internal', 'the request could not be served; the log has more under this request id');
    default:
      return error.statusCode < 500
        ? new ProblemError('malformed', error.message)
        : new ProblemError('internal', 'the request could not be served; the log has more under this request id');
  }
}
