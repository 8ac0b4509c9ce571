/**
 * `/console/`: the files of the web console, which need no credentials. `/` leads browsers there.
 *
 * Files have a hash in their names and never change. Every other path below `/console/` is an address within the
 * console, and gets its page.
 */

import fastifyStatic from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { App, HttpContext } from '../context.ts';
import { pathOf } from '../door/hooks.ts';
import { withBase } from '../origin/base-path.ts';
import { ProblemError } from '../problems.ts';
import { choice } from '../schemas/schemas.ts';
import { readConsoleFiles } from './files.ts';

const config = { role: 'public' } as const;
const yearSeconds = 365 * 24 * 3_600;

export async function consoleRoutes(app: App, context: HttpContext): Promise<void> {
  const { basePath } = context.door;
  const files = readConsoleFiles(basePath);
  if (files === null) context.log.warn('the console was not built: /console/ is not served (npm run build makes it)');

  async function sendPage(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (files === null) throw new ProblemError('not_found', 'the console was not built');
    const path = pathOf(request);
    if (path === '/console') return reply.redirect('/console/');
    if (namesFile(path)) throw new ProblemError('not_found', `${path} is not a file of the console`);
    return reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(files.page);
  }

  if (files !== null)
    await app.register(fastifyStatic, {
      root: `${files.folder}/assets`,
      prefix: '/console/assets/',
      decorateReply: false,
      wildcard: true,
      index: false,
      preCompressed: true,
      cacheControl: false,
      setHeaders: (reply) => {
        reply.setHeader('cache-control', `public, max-age=${yearSeconds}, immutable`);
      },
    });

  app.get('/', { config, schema: { hide: true } }, async (request, reply) => {
    const links = { console: '/console/', docs: '/docs', contract: '/openapi.json', health: '/healthz' };
    if (files !== null && acceptsPage(request)) return reply.redirect(links.console);
    const shown = Object.fromEntries(Object.entries(links).map(([name, link]) => [name, withBase(link, basePath)]));
    return { name: 'punctual', version: context.version, links: shown };
  });

  app.get(
    '/console/config',
    {
      config,
      schema: {
        summary: 'What the console needs to know before anybody has signed in',
        tags: ['service'],
        response: {
          200: Type.Object(
            {
              version: Type.String(),
              basePath: Type.String({ description: 'The path prefix of the service; empty where there is none.' }),
              signIn: Type.Array(choice(['key', 'openid']), {
                description: 'The ways to sign in; empty in open mode, where nobody has to.',
              }),
            },
            { named: 'ConsoleConfig' },
          ),
        },
      },
    },
    async () => {
      const { version, signIn, isOpen } = context;
      const ways = isOpen ? [] : ['key', ...(signIn.oidc === null ? [] : ['openid'])];
      return { version, basePath, signIn: ways };
    },
  );

  app.get('/console', { config, schema: { hide: true } }, sendPage);
  app.get('/console/*', { config, schema: { hide: true } }, sendPage);
}

/** Whether a path names a file. The ids in addresses of tasks and runs may have dots too. */
function namesFile(path: string): boolean {
  return !/^\/console\/(tasks|runs)\//.test(path) && /\.[^/]*$/.test(path);
}

/** Whether the client is a browser that opens a page. */
function acceptsPage({ headers: { accept = '' } }: FastifyRequest): boolean {
  return /(^|,)\s*text\/html\b/.test(accept);
}
