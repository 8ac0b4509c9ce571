/** `/cluster`: the replicas that are alive. */

import { Type } from 'typebox';
import { formatInstant } from '../../../domain/input/instant.ts';
import { listReplicas } from '../../../usecases/list-replicas.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';

export function clusterRoutes(app: App, context: HttpContext): void {
  app.get(
    '/cluster',
    {
      config: { role: listReplicas.needs, scope: 'cluster' },
      schema: {
        summary: 'The replicas that are alive',
        tags: ['service'],
        response: {
          200: Type.Object(
            {
              replicas: Type.Array(
                Type.Object(
                  {
                    id: Type.String(),
                    version: Type.String(),
                    tz: Type.Union([Type.String(), Type.Null()], {
                      description:
                        'The version of its time zone data. Where they differ, only the newest fire tasks in a zone.',
                    }),
                    host: Type.String(),
                    pid: Type.Integer(),
                    startedAt: Type.String({ format: 'date-time' }),
                    heartbeatAt: Type.String({ format: 'date-time' }),
                    running: Type.Integer(),
                    tasksLoaded: Type.Integer(),
                    duties: Type.Array(Type.String()),
                    breakers: Type.Optional(
                      Type.Array(
                        Type.Object(
                          {
                            origin: Type.String(),
                            state: Type.String({ description: 'open: not called, half_open: one call tries.' }),
                            openedMsAgo: Type.Integer({ description: 'As of the heartbeat.' }),
                          },
                          { named: 'Breaker' },
                        ),
                        { description: 'Only for callers with a role in all namespaces: targets belong to teams.' },
                      ),
                    ),
                  },
                  { named: 'Replica' },
                ),
              ),
              clock: Type.Union([Type.String(), Type.Null()], {
                description: "What is wrong with the database's clock, by the word of the replica that answers",
              }),
            },
            { named: 'Cluster' },
          ),
        },
      },
    },
    async (request) => {
      const replicas = valueOrThrow(await listReplicas(context, callerOf(request), null));
      const { clock = null } = await context.readinessFailures();
      return {
        clock,
        replicas: replicas.map((replica) => ({
          ...replica,
          startedAt: formatInstant(replica.startedAt.getTime()),
          heartbeatAt: formatInstant(replica.heartbeatAt.getTime()),
        })),
      };
    },
  );
}
