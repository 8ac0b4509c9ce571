/** Refuses requests because of their credentials: counts them, and lets repeated ones wait. */

import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../problems.ts';
import type { Refusal } from './actor.ts';
import type { FailedLogins } from './failed-logins.ts';

export type RefusalOptions = {
  failedLogins: FailedLogins;
  onRefused: (reason: Refusal['reason']) => void;
  /** From now on the request only waits, and its place is free. */
  leave: (request: IncomingMessage) => void;
};

/** The problem to be thrown, when it may be answered. */
export type RefuseCredentials = (request: FastifyRequest, refusal: Refusal) => Promise<ProblemError>;

export function createRefuseCredentials({ failedLogins, onRefused, leave }: RefusalOptions): RefuseCredentials {
  return async (request, refusal) => {
    const { status, reason } = refusal;
    onRefused(reason);
    if (status === 401) {
      leave(request.raw);
      const forwardedFor = String(request.headers['x-forwarded-for'] ?? '');
      await failedLogins.refused(request.ip, { reason, forwardedFor });
    }
    return problemOfRefusal(refusal);
  };
}

export function problemOfRefusal({ status, detail, headers }: Refusal): ProblemError {
  return new ProblemError(status === 401 ? 'unauthenticated' : status === 403 ? 'forbidden' : 'unavailable', detail, {
    headers,
  });
}
