/** Sheds load: more requests than are answered in good time are refused at once, before they delay what is due. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError, problemOf, problemTable } from './problems.ts';

/**
 * The hook, to be the first of all: refuses a request while `most` others are being answered, unless its route is never
 * shed. `onShed` counts; nothing is logged, for this has to cost next to nothing.
 */
export function sheddingHook(most: number, onShed: () => void) {
  let inFlight = 0;
  const leave = () => void inFlight--;
  const refusal = new ProblemError('unavailable', 'more requests are under way than are answered in good time');

  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    if (request.routeOptions.config.neverShed) return;
    if (inFlight >= most) {
      onShed();
      return reply
        .code(problemTable[refusal.code].status)
        .headers({ 'retry-after': '1', 'content-type': 'application/problem+json' })
        .send(problemOf(refusal, request));
    }
    inFlight++;
    // Comes once, however it ends: also where the client has gone, and Fastify hears no more of it.
    reply.raw.once('close', leave);
  };
}
