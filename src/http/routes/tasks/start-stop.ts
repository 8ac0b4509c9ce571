/** `/tasks/:id/start` and `/stop`. */

import { Type } from 'typebox';
import { type Misfire, misfirePolicies } from '../../../domain/schedule/misfire.ts';
import { startTask } from '../../../usecases/changes/start-task.ts';
import { stopTask } from '../../../usecases/changes/stop-task.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { valueOrThrow } from '../../outcome.ts';
import { sendTask } from '../../output/send-task.ts';
import { optional } from '../../schemas/parts.ts';
import { choice, closed, taskIdParams } from '../../schemas/schemas.ts';
import { triggerSource } from '../../schemas/triggers.ts';

const sourceOfChange = optional({
  ...triggerSource,
  description: 'The cause of the request, in a word: kept in the event of the task.',
});
type StartBody = { catchUp?: Misfire['policy']; triggerSource?: string | null };
type StopBody = { cancel?: 'none' | 'pending' | 'all'; triggerSource?: string | null };

export function startStopRoutes(app: App, context: HttpContext): void {
  app.post(
    '/tasks/:id/start',
    {
      config: { role: startTask.needs },
      schema: {
        summary: 'Start a stopped task',
        tags: ['tasks'],
        params: taskIdParams,
        body: Type.Optional(
          closed(
            {
              catchUp: Type.Optional(
                choice(misfirePolicies, {
                  named: 'MisfirePolicy',
                  default: 'skip',
                  description:
                    'What of the time since it was stopped is made up for: nothing, the last occurrence, or the last `misfire.limit`. 409 where nothing is left to come.',
                }),
              ),
              triggerSource: sourceOfChange,
            },
            { named: 'StartInput' },
          ),
        ),
        response: { 200: Type.Ref('Task#') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const { catchUp = 'skip', triggerSource: source = null } = (request.body ?? {}) as StartBody;
      const started = valueOrThrow(await startTask(context, callerOf(request), { id, catchUp, source }));
      return sendTask(reply, context, started);
    },
  );

  app.post(
    '/tasks/:id/stop',
    {
      config: { role: stopTask.needs },
      schema: {
        summary: 'Stop a task: nothing of it starts once this is answered',
        tags: ['tasks'],
        params: taskIdParams,
        body: Type.Optional(
          closed(
            {
              cancel: Type.Optional(
                choice(['none', 'pending', 'all'], {
                  named: 'StopCancel',
                  default: 'pending',
                  description: 'Which of its runs are cancelled: none, those that wait, or the running ones too.',
                }),
              ),
              triggerSource: sourceOfChange,
            },
            { named: 'StopInput' },
          ),
        ),
        response: { 200: Type.Ref('Task#') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const { cancel = 'pending', triggerSource: source = null } = (request.body ?? {}) as StopBody;
      const stopped = valueOrThrow(await stopTask(context, callerOf(request), { id, cancel, source }));
      return sendTask(reply, context, stopped);
    },
  );
}
