/** What the audit is told about a request that was refused because of who sent it. */

import type { FastifyRequest } from 'fastify';
import { roleIn } from '../../domain/access/grants.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import type { AuditEntry } from '../../store/audit/audit.ts';
import { readTarget } from '../origin/base-path.ts';
import { readRoutePath } from '../origin/namespace-path.ts';
import { namedNamespace } from './auth-hook.ts';

const longestPath = 256;

/**
 * The entry of a refused attempt; null for any other answer. Who names a namespace without a role in it is refused with
 * a 404. The path of somebody unknown is told as its route, because a credential may stand in it by mistake; nothing of
 * the query and the headers is told. Sign-in writes entries of its own, but not where a page of another origin asks.
 */
export function attemptOf(request: FastifyRequest, status: number, basePath: string): AuditEntry | null {
  if (status !== 401 && status !== 403 && status !== 404) return null;
  const { actor, acting, routeOptions, method, ip, id } = request;
  const route = routeOptions.url;
  const isOtherPage = status === 403 && method === 'POST';
  if (route?.startsWith('/auth/') && !isOtherPage) return null;
  const asked = readRoutePath(request.originalUrl, basePath).namespace ?? namedNamespace(request);
  const isForeign = actor && asked !== null && route !== undefined && roleIn(actor.grants, asked) === null;
  if (status === 404 && !isForeign) return null;
  const path = actor ? readTarget(request.originalUrl).path.split('?', 1)[0]?.slice(0, longestPath) : (route ?? null);
  return {
    namespace: (isForeign ? asked : acting?.namespace) ?? asked ?? everyNamespace,
    type: 'access_refused',
    subject: null,
    author: {
      ...(actor ? { actor: actor.name, via: actor.via } : { actor: 'unknown', via: 'none' }),
      ...{ address: ip, requestId: id },
    },
    data: { status, method, path },
  };
}
