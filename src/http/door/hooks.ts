/** The checks of every request before its route, and the additions to every answer. */

import type { FastifyRequest } from 'fastify';
import type { App } from '../context.ts';
import { readTarget, withBase } from '../origin/base-path.ts';
import { linkBase, readRoutePath } from '../origin/namespace-path.ts';
import { corsHeaders, isCrossSite } from '../origin/origins.ts';
import { createHostCheck, type Verdict } from '../origin/own-hosts.ts';
import { securityHeaders } from '../origin/security-headers.ts';
import { ProblemError } from '../problems.ts';
import type { AllowedMethods } from './allowed-methods.ts';
import type { Door } from './door.ts';
import type { DoorSettings } from './door-settings.ts';

const longestUrl = 8 * 1024;
/** These are called by IP address and by any name, and their answers are not secret. */
const anyHost = new Set(['/livez', '/readyz', '/healthz']);

/** To be called before other hooks are added. */
export function addDoorHooks(app: App, door: Door, methods: AllowedMethods, settings: DoorSettings): void {
  const checkHost = createHostCheck(settings);
  const corsOrigins = new Set(settings.corsOrigins);
  const ownOrigins = settings.publicUrl === null ? [] : [new URL(settings.publicUrl).origin];
  const trustedOrigins = new Set([...corsOrigins, ...ownOrigins]);

  function verdictOf({ raw, originalUrl, routeOptions }: FastifyRequest): Verdict {
    if (anyHost.has(routeOptions.url ?? '')) return 'own';
    return checkHost({
      hosts: hostsOf(raw.rawHeaders),
      target: readTarget(originalUrl).authority,
      localAddress: raw.socket.localAddress,
      needsHost: raw.httpVersion !== '1.0',
    });
  }

  app.addHook('onRequest', async (request, reply) => {
    const { headers, method } = request;
    if (request.originalUrl.length > longestUrl) throw new ProblemError('uri_too_long', 'the URL is longer than 8 KiB');
    const { origin } = headers;
    const isPreflight = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
    const cors = corsHeaders(origin, isPreflight, corsOrigins);
    for (const [name, value] of Object.entries(cors)) reply.header(name, value);

    const verdict = verdictOf(request);
    if (verdict === 'malformed')
      throw new ProblemError('malformed', 'the request must have one Host header, host[:port]');
    if (verdict === 'foreign')
      throw new ProblemError('misdirected', 'this is not a host that is served here: ALLOWED_HOSTS names further ones');
    const page = { method, origin, site: lone(headers['sec-fetch-site']), host: headers.host };
    if (isCrossSite(page, trustedOrigins))
      throw new ProblemError(
        'cross_site',
        'a page of another origin must not change anything: CORS_ORIGINS names those that may',
      );
    // The methods of a path are no secret: they stand in the contract.
    const known = method === 'OPTIONS' ? methods.of(pathOf(request), namesNamespace(request, settings.basePath)) : null;
    if (known) return reply.code(204).header('allow', known.allow).send();
  });
  app.addHook('preParsing', async (request) => door.goOn(request.raw));
  app.addHook('preValidation', async (request) => {
    if (!door.enter(request.raw))
      throw new ProblemError('unavailable', 'more requests are under way than are answered in good time', {
        headers: { 'retry-after': '1' },
      });
  });
  app.addHook('onSend', async (request, reply) => {
    const headers = securityHeaders(request.routeOptions.url ?? '');
    for (const [name, value] of headers) if (!reply.hasHeader(name)) reply.header(name, value);
    for (const name of ['location', 'link']) {
      const link = reply.getHeader(name);
      if (typeof link === 'string')
        reply.header(name, withBase(link, linkBase(request.originalUrl, settings.basePath)));
    }
    door.handOver(request.raw);
  });
}

/** The path of a request as routes know it, without its query. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}

/** Whether the path of a request names a namespace. */
export function namesNamespace(request: FastifyRequest, basePath: string): boolean {
  return readRoutePath(request.originalUrl, basePath).namespace !== null;
}

/** Every `Host` that was sent: Node itself keeps the first. */
function hostsOf(rawHeaders: readonly string[]): string[] {
  const hosts: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts.push(rawHeaders[index + 1] as string);
  }
  return hosts;
}

function lone(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
