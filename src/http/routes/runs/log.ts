/** `/runs/:id/log`: reads the log of a run, and appends to it. */

import { Type } from 'typebox';
import { appendLog } from '../../../usecases/logs/append-log.ts';
import { type LogPage, readLog } from '../../../usecases/logs/read-log.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { ProblemError } from '../../problems.ts';
import { offsetQuery } from '../../schemas/logs.ts';
import { closed, runIdParams } from '../../schemas/schemas.ts';
import { holderOf, tokenHeader, tokenHook } from './run-token.ts';

/** One answer has at most so many bytes of a log. */
const largestAnswer = 1024 * 1024;

export function logRoutes(app: App, context: HttpContext): void {
  app.get(
    '/runs/:id/log',
    {
      config: { role: readLog.needs },
      schema: {
        summary: 'Read the log of a run',
        tags: ['runs'],
        params: runIdParams,
        querystring: closed({ offset: Type.Optional(offsetQuery) }),
        response: { 200: { content: { 'text/plain': { schema: { type: 'string' } } } } },
      },
    },
    async (request, reply) => {
      const { id: runId } = request.params as { id: string };
      const { offset = 0 } = request.query as { offset?: number };
      const page = valueOrThrow(await readLog(context, callerOf(request), { runId, offset, most: largestAnswer }));
      return reply
        .headers(headersOf(page))
        .type('text/plain; charset=utf-8')
        .send(Buffer.concat(page.parts.map(({ bytes }) => bytes)));
    },
  );

  // No other call takes plain text: pages of other sites can send it without asking.
  app.register(async (own) => {
    own.addContentTypeParser<Buffer>(
      'text/plain',
      { parseAs: 'buffer' },
      async (_request: unknown, body: Buffer) => body,
    );
    own.post(
      '/runs/:id/log',
      {
        config: { role: appendLog.needs, anyText: true },
        onRequest: tokenHook(context),
        schema: {
          summary: 'Append to the log of a run, as the holder of its token',
          tags: ['runs'],
          params: runIdParams,
          headers: tokenHeader,
          querystring: closed({ offset: offsetQuery }),
          consumes: ['text/plain'],
          body: Type.Optional(Type.Unsafe({ shownAs: { type: 'string' } })),
          response: {
            200: Type.Object({ bytes: Type.Integer(), truncatedBytes: Type.Integer() }, { named: 'LogLength' }),
          },
        },
      },
      async (request, reply) => {
        const { offset } = request.query as { offset: number };
        const bytes = request.body ?? Buffer.alloc(0);
        if (!Buffer.isBuffer(bytes))
          throw new ProblemError('unsupported_media_type', 'send the bytes with the header content-type: text/plain');
        const length = valueOrThrow(await appendLog(context, holderOf(request, context), { offset, bytes }));
        return reply.header('x-log-next-offset', String(length.bytes)).send(length);
      },
    );
  });
}

/** `x-log-dropped` tells where bytes are missing within the answer. */
function headersOf({ parts, next, isComplete, dropped }: LogPage): Record<string, string> {
  const hasGap = parts.length > 1 && dropped !== null;
  return {
    'x-log-next-offset': String(next),
    'x-log-complete': String(isComplete),
    ...(hasGap && { 'x-log-dropped': `${dropped.from}-${dropped.to}` }),
    'cache-control': 'no-store',
  };
}
