/** `/stream`: hints about what changes, as server-sent events. */

import { Type } from 'typebox';
import type { Listening } from '../../../live/hub.ts';
import { topics } from '../../../live/tally.ts';
import { followChanges } from '../../../usecases/follow-changes.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { shown } from '../../schemas/parts.ts';
import { closed } from '../../schemas/schemas.ts';
import type { EventStreams } from '../../sse/event-streams.ts';
import { createFollower } from '../../sse/follower.ts';

const anyTopic = topics.join('|');
const topicsQuery = {
  type: 'string',
  pattern: `^(${anyTopic})(,(${anyTopic}))*$`,
  patternHint: `must be a list of ${topics.join(', ')}, separated by commas`,
  default: topics.join(','),
  maxLength: 64,
};

export function streamRoutes(app: App, context: HttpContext, streams: EventStreams): void {
  app.get(
    '/stream',
    {
      config: { role: followChanges.needs, streams: true },
      schema: {
        summary: 'Follow what changes',
        tags: ['service'],
        headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ maxLength: 128 })) }),
        querystring: closed({
          topics: Type.Optional(Type.Unsafe<string>(topicsQuery)),
          task: Type.Optional(shown({ type: 'string', maxLength: 128 })),
        }),
        response: { 200: { content: { 'text/event-stream': { schema: { type: 'string' } } } } },
      },
    },
    async (request, reply) => {
      const { topics: asked, task = null } = request.query as { topics: string; task?: string };
      const lastId = request.headers['last-event-id'];
      let listening: Listening | null = null;
      let isOver = false;
      const stream = streams.open(request, reply, {
        onReady: () => follower.ready(),
        onClosed() {
          isOver = true;
          listening?.close();
        },
      });
      if (stream === null) return;
      const follower = createFollower({
        ...{ stream, process: context.process, task, metrics: context.metrics },
        topics: new Set(asked.split(',')),
      });
      listening = valueOrThrow(await followChanges(context, callerOf(request), follower));
      if (isOver) listening.close();
      else follower.begin(listening, typeof lastId === 'string' && lastId !== '' ? lastId : null);
    },
  );
}
