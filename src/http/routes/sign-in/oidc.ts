/** `/auth/login` and `/auth/callback`: signing in with the issuer, from the browser's first step to its session. */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { startSession } from '../../../usecases/sign-in/start-session.ts';
import { useSignIn } from '../../../usecases/sign-in/use-sign-in.ts';
import type { App, HttpContext } from '../../context.ts';
import { ProblemError } from '../../problems.ts';
import { signInMs } from '../../sign-in/cookies.ts';
import type { IssuerFault } from '../../sign-in/issuer-faults.ts';
import { readOwnPath } from '../../sign-in/own-path.ts';
import { openPending, sealPending } from '../../sign-in/pending.ts';
import { personOf } from '../../sign-in/person.ts';
import type { RefuseSignIn } from '../../sign-in/refusals.ts';
import { oidcOf, sealsOf, visitorOf } from '../../sign-in/request.ts';

const config = { role: 'public', page: true } as const;

export function oidcRoutes(app: App, context: HttpContext, refuse: RefuseSignIn): void {
  const { cookies } = context.signIn;

  /** The problem of a fault of the issuer; those that concern one person are written down. */
  function faultProblem(request: FastifyRequest, { kind, detail, reason }: IssuerFault): Promise<ProblemError> {
    if (kind === 'refused') return refuse(request, 'malformed', { detail, reason });
    context.log.warn({ reason, requestId: request.id }, 'the issuer of sign-ins does not answer as it should');
    return Promise.resolve(new ProblemError('unavailable', detail, { headers: { 'retry-after': '5' } }));
  }

  app.get<{ Querystring: { returnTo?: string } }>(
    '/auth/login',
    {
      config,
      schema: {
        summary: 'Sign in with the issuer',
        tags: ['sign-in'],
        querystring: Type.Object(
          {
            returnTo: Type.Optional(Type.String({ description: 'The path to go to afterwards; the root if absent.' })),
          },
          { additionalProperties: false },
        ),
      },
    },
    async (request, reply) => {
      const { issuer, redirectUri } = oidcOf(context);
      const returnTo = readOwnPath(request.query.returnTo ?? '/', context.door.basePath);
      if (returnTo === null)
        throw new ProblemError('malformed', 'returnTo must be a path of this service, such as /docs');
      const seals = sealsOf(context);
      const begun = await issuer.begin(redirectUri);
      if (!begun.ok) throw await faultProblem(request, begun.errors);
      const { url, secrets } = begun.value;
      const sealed = sealPending(seals.pending, { secrets, returnTo, endsAt: context.now() + signInMs });
      return reply
        .header('set-cookie', cookies.beginSignIn(request.headers.cookie, secrets.state, sealed))
        .redirect(url);
    },
  );

  app.get<{ Querystring: { state?: string } }>(
    '/auth/callback',
    {
      config,
      schema: {
        summary: 'The end of a sign-in, to which the issuer sends the browser back',
        tags: ['sign-in'],
        querystring: Type.Object({
          state: Type.Optional(Type.String()),
          code: Type.Optional(Type.String()),
          error: Type.Optional(Type.String()),
        }),
      },
    },
    async (request, reply) => {
      const { issuer, redirectUri, claimNames } = oidcOf(context);
      const seals = sealsOf(context);
      const { state = '' } = request.query;
      const sealed = cookies.signInOf(request.headers.cookie, state);
      const pending = openPending(seals.pending, sealed, state, context.now());
      if (pending === null) {
        const detail = 'this sign-in did not begin in this browser, or too long ago';
        throw await refuse(request, 'malformed', { detail });
      }
      reply.header('set-cookie', cookies.endSignIn(state));
      if (!(await useSignIn(context, { state, endsAt: pending.endsAt })))
        throw await refuse(request, 'malformed', { detail: 'this sign-in came back before: it works once' });
      const callback = new URL(redirectUri);
      callback.search = request.url.split('?').slice(1).join('?');
      const answer = await issuer.finish(callback, pending.secrets);
      if (!answer.ok) throw await faultProblem(request, answer.errors);
      const { claims, refreshToken, subject: sub } = answer.value;
      const person = personOf(claims, claimNames);
      if (!person.ok) throw await refuse(request, 'forbidden', { detail: person.errors });
      const { name, groups } = person.value;
      const secret = refreshToken === null ? null : JSON.stringify({ token: refreshToken, subject: sub });
      const started = await startSession(context, visitorOf(request), {
        ...{ kind: 'person', name, groups },
        refreshToken: secret && seals.refresh.seal(secret),
      });
      if (started === null) throw await refuse.withoutBinding(request, person.value);
      return reply.header('set-cookie', cookies.session(started.id)).redirect(pending.returnTo);
    },
  );
}
