/** Lets a request through only when its actor's role, in the namespace that it acts in, covers the role of the route. */

import type { FastifyRequest } from 'fastify';
import { ownNamespace, roleAnywhere, roleIn } from '../../domain/access/grants.ts';
import { defaultNamespace, everyNamespace } from '../../domain/access/namespace.ts';
import { refusalOf } from '../../usecases/use-case.ts';
import type { HttpContext } from '../context.ts';
import { readRoutePath } from '../origin/namespace-path.ts';
import { isOwnPage } from '../origin/origins.ts';
import { problemFor } from '../outcome.ts';
import { notOwnPage, ProblemError } from '../problems.ts';
import { type Acting, type Actor, noRole } from './actor.ts';
import { problemOfRefusal, type RefuseCredentials } from './refuse-credentials.ts';

export type AuthHookOptions = Pick<HttpContext, 'authenticate' | 'namespaces'> & {
  refuse: RefuseCredentials;
  /** Whether a path that the request's method does not fit has public routes: its 405 needs no credentials. */
  isPublic: (request: FastifyRequest) => boolean;
  /** Whether a request fits no route. */
  isUnknown: (request: FastifyRequest) => boolean;
  basePath: string;
  /** Where browsers reach the service; null where that is not said. */
  publicUrl: string | null;
};

/**
 * A hook for `onRequest`: sets `request.actor` and `request.acting`, or ends the request with a problem. First comes
 * who the caller is (401), then what it may do (404 for a namespace that it has no role in, else 403).
 */
export function authHook(options: AuthHookOptions) {
  const { authenticate, namespaces, refuse, isPublic, isUnknown, basePath, publicUrl } = options;

  /** Sets the actor of a request and gives it; throws the problem of a request without one. */
  async function actorOf(request: FastifyRequest): Promise<Actor> {
    const answer = await authenticate(request.headers);
    if (!answer.ok) throw await refuse(request, answer.errors);
    const { method, headers } = request;
    const page = { method, origin: headers.origin, host: headers.host };
    // Also for the audit of a refusal: it tells whose session a page tried to use.
    request.actor = answer.value;
    if (answer.value.via === 'session' && !isOwnPage(page, publicUrl)) throw notOwnPage();
    return answer.value;
  }

  /** Whether there is a namespace of this id in which something can be done. */
  async function isOpen(id: string): Promise<boolean> {
    const rules = await namespaces.learn(id);
    return rules !== null && !rules.closing;
  }

  /** The namespace that is asked for, or the caller's own, with its role there. */
  async function actingIn({ grants }: Actor, asked: string | null): Promise<Acting> {
    const own = asked === null ? ownNamespace(grants) : { namespace: asked };
    if ('choices' in own) {
      if (own.choices.length === 0) throw problemOfRefusal(noRole());
      throw new ProblemError(
        'namespace_needed',
        `say which namespace: /ns/{namespace}/…, of ${own.choices.join(', ')}`,
        {
          members: { namespaces: own.choices },
        },
      );
    }
    const { namespace } = own;
    const role = roleIn(grants, namespace);
    // A namespace that is not there and one that the caller has no role in answer alike.
    if (role === null || !(namespace === defaultNamespace || (await isOpen(namespace))))
      throw missingNamespace(namespace);
    return { namespace, role };
  }

  return async (request: FastifyRequest): Promise<void> => {
    const { role, scope } = request.routeOptions.config;
    const named = namedNamespace(request);
    const asked = readRoutePath(request.originalUrl, basePath).namespace;
    const needed = isUnknown(request) ? undefined : role;
    // A caller with the token of a run reports for its target. The route checks the token.
    if (needed === 'public' || needed === 'token') return;
    if (needed === undefined && isPublic(request)) return;
    const actor = await actorOf(request);
    // An unknown path asks for credentials like others. The next hook answers it.
    if (needed === undefined) return;
    const anywhere = roleAnywhere(actor.grants);
    if (anywhere === null) throw problemOfRefusal(noRole());
    if (named !== null && roleIn(actor.grants, named) === null) throw missingNamespace(named);
    request.acting = scope === 'cluster' ? { namespace: everyNamespace, role: anywhere } : await actingIn(actor, asked);
    // The use case checks the role again. This check comes before the body is read, so that a caller without rights
    // learns nothing from faults in its body.
    const refused = refusalOf({ ...actor, ...request.acting }, needed);
    if (refused !== null) throw problemFor(refused.errors);
  };
}

/** The namespace that the path of a route names as what it is about; null for all other routes. */
export function namedNamespace({ routeOptions, params }: FastifyRequest): string | null {
  const { names } = routeOptions.config ?? {};
  return names === undefined ? null : ((params as Readonly<Record<string, string>>)[names] ?? null);
}

function missingNamespace(id: string): ProblemError {
  return new ProblemError('not_found', `namespace "${id}" does not exist`);
}
