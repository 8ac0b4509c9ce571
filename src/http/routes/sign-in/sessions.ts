/** `/auth/session` and `/auth/logout`: a session for whoever has a key, and the end of any session. */

import { Type } from 'typebox';
import { hashOfKey } from '../../../domain/access/key-text.ts';
import { formatInstant } from '../../../domain/input/instant.ts';
import { signOut } from '../../../usecases/sign-in/sign-out.ts';
import { startSession } from '../../../usecases/sign-in/start-session.ts';
import type { RefuseCredentials } from '../../auth/refuse-credentials.ts';
import type { App, HttpContext } from '../../context.ts';
import { isOwnPage } from '../../origin/origins.ts';
import { notOwnPage, ProblemError } from '../../problems.ts';
import type { RefuseSignIn } from '../../sign-in/refusals.ts';
import { sealsOf, visitorOf } from '../../sign-in/request.ts';

const sessionAnswer = Type.Object(
  { subject: Type.String(), endsAt: Type.String({ format: 'date-time' }) },
  { named: 'Session' },
);

export function sessionRoutes(
  app: App,
  context: HttpContext,
  refuse: { signIn: RefuseSignIn; credentials: RefuseCredentials },
): void {
  const { cookies } = context.signIn;

  app.post<{ Body: { key: string } }>(
    '/auth/session',
    {
      config: { role: 'public' },
      schema: {
        summary: 'Exchange an API key for a session',
        tags: ['sign-in'],
        body: Type.Object(
          { key: Type.String({ minLength: 1, maxLength: 1_024, description: 'The API key.' }) },
          { additionalProperties: false, named: 'SessionInput' },
        ),
        response: { 201: sessionAnswer },
      },
    },
    async (request, reply) => {
      if (context.door.open) throw new ProblemError('not_found', 'no auth is set here, so there are no sessions');
      // Before the database has been reached nothing can be written.
      sealsOf(context);
      const { key } = request.body;
      const answer = await context.authenticate({ 'x-api-key': key });
      if (!answer.ok) {
        const problem = await refuse.credentials(request, answer.errors);
        await refuse.signIn(request, problem.code, { detail: answer.errors.detail });
        throw problem;
      }
      const owner = { kind: 'key', subject: answer.value.name, keyHash: hashOfKey(key) } as const;
      const started = await startSession(context, visitorOf(request), owner);
      if (started === null) throw new ProblemError('no_binding', 'the key has no role');
      const { id, subject, endsAt } = started;
      return reply
        .code(201)
        .header('set-cookie', cookies.session(id))
        .send({ subject, endsAt: formatInstant(endsAt) });
    },
  );

  app.post<{ Querystring: { all?: boolean } }>(
    '/auth/logout',
    {
      config: { role: 'public' },
      schema: {
        summary: 'End the session',
        tags: ['sign-in'],
        querystring: Type.Object(
          {
            all: Type.Optional(
              Type.Boolean({ description: 'End all sessions of the same person, or of the same key.' }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { cookie, origin, host } = request.headers;
      const id = context.sessions.idOf(cookie);
      if (id === null) return reply.code(204).send();
      if (!isOwnPage({ method: 'POST', origin, host }, context.door.publicUrl)) throw notOwnPage();
      const actor = await context.sessions.actorOf(id);
      if (actor.ok) {
        await signOut(context, visitorOf(request), { id, subject: actor.value.name, all: request.query.all === true });
        context.sessions.forget();
      }
      // Not before: while the session goes on, the browser has to be able to end it.
      return reply.code(204).header('set-cookie', cookies.session(null)).send();
    },
  );
}
