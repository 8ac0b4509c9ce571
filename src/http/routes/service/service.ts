/** The service itself: health and metrics. */

import { Type } from 'typebox';
import { roleIn } from '../../../domain/access/grants.ts';
import { everyNamespace } from '../../../domain/access/namespace.ts';
import type { App, HttpContext } from '../../context.ts';
import { createShared } from '../../door/pace.ts';
import { ProblemError } from '../../problems.ts';

/** No request of the API lasts so long. */
const longestStuckMs = 10_000;

type SharedPage = () => Promise<{ contentType: string; bytes: Buffer }>;

const healthAnswer = Type.Object(
  { status: Type.String(), failing: Type.Record(Type.String(), Type.String()) },
  { named: 'Health' },
);

/** `stuckForMs` tells for how long the API has taken no request, because those under way do not end. */
export function serviceRoutes(app: App, context: HttpContext, stuckForMs: () => number): void {
  /** One text for all requests at the same time, in each of the two formats. */
  const [plainMetrics, openMetrics] = [false, true].map((isOpen) =>
    createShared(async () => {
      const { contentType, text } = await context.metrics.page(isOpen);
      return { contentType, bytes: Buffer.from(text) };
    }, context.clock),
  ) as [SharedPage, SharedPage];

  app.get(
    '/livez',
    {
      config: { role: 'public' },
      schema: { summary: 'Whether the process lives', tags: ['service'], response: { 200: healthAnswer } },
    },
    async () => ({ status: 'ok', failing: {} }),
  );

  for (const path of ['/readyz', '/healthz'])
    app.get(
      path,
      {
        config: { role: 'public' },
        schema: {
          summary: 'Whether this replica fires tasks and answers requests',
          tags: ['service'],
          response: { 200: healthAnswer, 503: healthAnswer },
        },
      },
      async (_request, reply) => {
        const failing = { ...(await context.readinessFailures()) };
        // High load alone does not make the replica unready. A replica that makes no progress is unready.
        if (stuckForMs() > longestStuckMs) failing.api = 'all requests under way have been waiting for long; none ends';
        const healthy = Object.keys(failing).length === 0;
        return reply.code(healthy ? 200 : 503).send({ status: healthy ? 'ok' : 'failing', failing });
      },
    );

  app.get(
    '/metrics',
    {
      config: { role: context.metricsNeedAuth ? 'reader' : 'public', scope: 'cluster' },
      schema: {
        summary: 'Prometheus metrics',
        tags: ['service'],
        produces: ['text/plain'],
        response: { 200: Type.String() },
      },
    },
    async (request, reply) => {
      // The metrics name tasks and targets of all teams.
      if (context.metricsNeedAuth && roleIn(request.actor.grants, everyNamespace) === null)
        throw new ProblemError('forbidden', 'this needs a role in all namespaces');
      const page = wantsOpenMetrics(request.headers.accept) ? openMetrics : plainMetrics;
      const { contentType, bytes } = await page();
      return reply.type(contentType).send(bytes);
    },
  );
}

/** Whether a scraper asks for OpenMetrics, as Prometheus does. */
function wantsOpenMetrics(accept: string | undefined): boolean {
  return (accept ?? '').split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return type === 'application/openmetrics-text' && !parameters.some((each) => /^q=0(\.0*)?$/.test(each));
  });
}
