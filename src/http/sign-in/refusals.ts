/** The refusals of sign-in: each is a problem for the client and a line in the audit. */

import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../clock.ts';
import { refuseSignIn } from '../../usecases/sign-in/refuse-sign-in.ts';
import type { HttpContext } from '../context.ts';
import { type ProblemCode, ProblemError } from '../problems.ts';
import type { Person } from './person.ts';
import { visitorOf } from './request.ts';

/** `detail` is for the client, `reason` for the audit where it says more. */
type Why = { detail: string; reason?: string; subject?: string; members?: Record<string, unknown> };

export type RefuseSignIn = {
  /** The problem to be thrown. */
  (request: FastifyRequest, code: ProblemCode, why: Why): Promise<ProblemError>;
  /** The problem of a person whom nobody gave a role. */
  withoutBinding(request: FastifyRequest, person: Person): Promise<ProblemError>;
};

const secondMs = 1_000;
/** Lines a second; strangers can cause more. */
const mostLines = 10;
/** Groups that a page names. */
const mostNamed = 20;

export function createRefusals(context: HttpContext, { monotonic }: Pick<Clock, 'monotonic'>): RefuseSignIn {
  let second = { since: -Infinity, lines: 0 };

  function mayWrite(): boolean {
    if (monotonic() - second.since >= secondMs) second = { since: monotonic(), lines: 0 };
    return second.lines++ < mostLines;
  }

  async function refuse(request: FastifyRequest, code: ProblemCode, why: Why): Promise<ProblemError> {
    const { detail, reason = detail, subject = null, members = {} } = why;
    if (mayWrite()) await refuseSignIn(context, visitorOf(request), { subject, reason });
    return new ProblemError(code, detail, { members });
  }

  return Object.assign(refuse, {
    withoutBinding(request: FastifyRequest, { name, groups }: Person) {
      const subject = `user:${name}`;
      const named = groups.slice(0, mostNamed).map((group) => `group:${group}`);
      const detail =
        `you signed in as ${subject}${named.length > 0 ? `, of ${named.join(', ')}` : ', of no group'}, and nobody has ` +
        'given you a role here: ask an owner of this service, or an admin of the namespace that you need';
      return refuse(request, 'no_binding', { detail, subject, members: { subject, groups: named } });
    },
  });
}
