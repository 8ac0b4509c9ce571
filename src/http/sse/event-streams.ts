/** Opens the streams of server-sent events of this replica, bounds them, and ends all of them when it shuts down. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpContext } from '../context.ts';
import type { Door } from '../door/door.ts';
import type { OpenPolls } from '../door/open-polls.ts';
import { securityHeaders } from '../origin/security-headers.ts';
import { ProblemError } from '../problems.ts';
import { createAccessWatch } from './access-watch.ts';
import { type EventStream, openEventStream } from './event-stream.ts';

export type StreamHandlers = {
  /** The client has read everything, after `send` has refused an event. */
  onReady?: () => void;
  /** The stream is over, whoever ended it. Called once. */
  onClosed: () => void;
};

export type EventStreams = {
  /**
   * Answers a request with a stream. It holds no place among the requests under way, and ends when its caller loses its
   * role or this replica shuts down. Null where the client is gone or asked for the head alone. Throws a problem where
   * too many are open. The handler of the route returns afterwards, and sends nothing.
   */
  open(request: FastifyRequest, reply: FastifyReply, handlers: StreamHandlers): EventStream | null;
  /** Ends all of them, with `event: goodbye`; those that are opened from now on end at once. */
  end(): void;
};

type Context = Pick<HttpContext, 'authenticate' | 'namespaces' | 'clock' | 'log' | 'draining' | 'metrics'>;

const goodbye = { event: 'goodbye', data: '{}' };

export function createEventStreams(context: Context, polls: OpenPolls, door: Pick<Door, 'stream'>): EventStreams {
  const { authenticate, namespaces, clock, log, draining, metrics } = context;
  metrics.observeStreams(polls.open);
  const open = new Set<EventStream>();
  let isEnding = false;
  const watchAccess = createAccessWatch({
    ...{ authenticate, namespaces, clock },
    onError: (err) => log.error({ err }, 'the caller of a stream could not be looked at'),
  });

  function headersOf(request: FastifyRequest, reply: FastifyReply) {
    return {
      ...reply.getHeaders(),
      ...Object.fromEntries(securityHeaders(request.routeOptions.url ?? '')),
      'x-request-id': request.id,
      ...(draining() ? { connection: 'close' } : {}),
    };
  }

  return {
    open(request, reply, { onReady, onClosed }) {
      const { raw: response } = reply;
      const release = polls.take();
      if (release === null)
        throw new ProblemError('unavailable', 'too many streams are open here: try again in a few seconds', {
          headers: { 'retry-after': '5' },
        });
      metrics.requestAnswered(request.method, request.routeOptions.url ?? '', 200, reply.elapsedTime);
      reply.hijack();
      if (response.closed || response.destroyed) {
        release();
        return null;
      }
      door.stream(request.raw);
      let unwatch = () => {};
      const stream = openEventStream({
        ...{ response, headers: headersOf(request, reply), clock },
        ...(onReady ? { onReady } : {}),
        onClosed() {
          open.delete(stream);
          release();
          unwatch();
          onClosed();
        },
      });
      if (request.method === 'HEAD') {
        stream.end();
        return null;
      }
      open.add(stream);
      const { headers, acting, routeOptions } = request;
      const { role: needs } = routeOptions.config;
      // No other route has a caller.
      if (needs !== undefined && needs !== 'public' && needs !== 'token')
        unwatch = watchAccess({ headers, namespace: acting.namespace, needs }, () => stream.end());
      // The route sends its first events before.
      if (isEnding || draining()) setImmediate(() => stream.end(goodbye));
      return stream;
    },
    end() {
      isEnding = true;
      for (const stream of open) stream.end(goodbye);
    },
  };
}
