/** `/tasks/:id/…`: start, stop, trigger, and what is read of one task. */

import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { formatInstant } from '../../domain/input/instant.ts';
import { type Misfire, misfirePolicies } from '../../domain/schedule/misfire.ts';
import { oncePerKey } from '../../store/cluster/idempotency.ts';
import { findRun, lastRuns } from '../../store/runs/history.ts';
import type { Task } from '../../store/tasks/row.ts';
import { announceRun, type MadeRun, makeRun, makeRunIn, retryOnConflict } from '../../usecases/runs/make-run.ts';
import { refusalOfOldZones } from '../../usecases/zones.ts';
import { type App, authorOf, type HttpContext, isAwaited } from '../context.ts';
import { keyedRequest } from '../input/idempotency.ts';
import { instantParameter } from '../input/parameters.ts';
import { etagOf } from '../input/preconditions.ts';
import { readTrigger, triggerSource } from '../input/trigger-input.ts';
import { liveTask } from '../live-task.ts';
import { problemFor } from '../outcome.ts';
import { nextRuns, runView, taskView } from '../output/views.ts';
import { notFound, ProblemError } from '../problems.ts';
import { startTask, stopTask, triesOf } from '../revisions.ts';
import { optional } from '../schemas/parts.ts';
import { choice, closed, countQuery, instantQuery, taskIdParams } from '../schemas/schemas.ts';

const longestWaitSeconds = 60;

const sourceOfChange = optional({
  ...triggerSource,
  description: 'What made the caller ask, in a word: kept in the event of the task.',
});
type StartBody = { catchUp?: Misfire['policy']; triggerSource?: string | null };
type StopBody = { cancel?: 'none' | 'pending' | 'all'; triggerSource?: string | null };

/** `leave` gives back the place of a request that only waits from now on. */
export function taskActionRoutes(app: App, context: HttpContext, leave: (request: IncomingMessage) => void): void {
  const { database, now } = context;
  const db = database.pool;

  async function view(task: Task, reply: FastifyReply) {
    const last = await lastRuns(db, [task.uid]);
    reply.header('etag', etagOf(task));
    return taskView(task, last.get(task.uid), now(), context, reply.request.actor.role);
  }

  app.post(
    '/tasks/:id/start',
    {
      config: { role: 'operator' },
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
      const { catchUp = 'skip', triggerSource = null } = (request.body ?? {}) as StartBody;
      for await (const _ of triesOf(context)) {
        const stopped = await liveTask(context, request);
        const outdated = catchUp === 'skip' ? null : refusalOfOldZones(context, stopped.definition.schedule);
        if (outdated) throw problemFor(outdated.errors);
        const task = await startTask(context, request, stopped, catchUp, triggerSource);
        if (task) return view(task, reply);
      }
      throw new ProblemError('conflict', 'the task is being changed too often; try again');
    },
  );

  app.post(
    '/tasks/:id/stop',
    {
      config: { role: 'operator' },
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
      const { cancel = 'pending', triggerSource = null } = (request.body ?? {}) as StopBody;
      for await (const _ of triesOf(context)) {
        const task = await stopTask(context, request, await liveTask(context, request), cancel, triggerSource);
        if (task) return view(task, reply);
      }
      throw new ProblemError('conflict', 'the task is being changed too often; try again');
    },
  );

  app.post(
    '/tasks/:id/trigger',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Run a task now, whatever its status',
        tags: ['tasks'],
        headers: Type.Object({
          'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
          prefer: Type.Optional(
            Type.String({
              maxLength: 128,
              description:
                '`wait=10` answers when the run is over, after 10 s at the latest. Without waiting where too many wait already.',
            }),
          ),
        }),
        params: taskIdParams,
        body: Type.Optional(Type.Ref('TriggerInput#')),
        response: { 202: Type.Ref('Run#') },
      },
    },
    async (request, reply) => {
      const task = await liveTask(context, request);
      const keyed = keyedRequest(request, `trigger ${task.uid}`);
      const asked = { uid: task.uid, overlap: task.definition.overlap, ...readTrigger(request, now()) };
      let made: MadeRun | null = null;
      const answer = (run: MadeRun | null) => {
        if (run === null) throw notFound(`task "${task.id}"`);
        made = run;
        return { answer: { runId: run.runId }, remember: true };
      };
      const outcome = await retryOnConflict(async () =>
        keyed === null
          ? { kind: 'done' as const, ...answer(await makeRun(context, asked, authorOf(request))) }
          : oncePerKey(database, keyed, now(), async (client) =>
              answer(await makeRunIn(context, client, asked, authorOf(request))),
            ),
      );
      if (outcome.kind === 'mismatch')
        throw new ProblemError('idempotency_mismatch', 'this Idempotency-Key came with another body before');
      if (outcome.kind === 'replayed') reply.header('idempotency-replayed', 'true');
      if (made !== null) announceRun(context, made, task.definition.hooks?.before != null);
      const { runId } = outcome.answer;
      const wait = waitAsked(request.headers.prefer);
      const waiting = wait > 0 ? waitForEnd(runId, wait * 1_000, request, reply) : null;
      if (waiting !== null) {
        reply.header('preference-applied', `wait=${wait}`);
        leave(request.raw);
        await waiting;
      }
      const run = await findRun(database, runId);
      if (!run) throw notFound(`run ${runId}`);
      return reply.code(202).header('location', `/runs/${runId}`).send(runView(run));
    },
  );

  /** Null where nobody may wait: too many do, or the client has gone. */
  function waitForEnd(runId: string, ms: number, request: FastifyRequest, reply: FastifyReply): Promise<void> | null {
    if (reply.raw.closed) return null;
    const caller = context.door.open ? request.ip : request.actor.name;
    return context.runWaiters.wait(runId, ms, caller, (gone) => void reply.raw.once('close', gone));
  }

  app.get(
    '/tasks/:id/next',
    {
      config: { role: 'reader' },
      schema: {
        summary: 'When the task will fire',
        tags: ['tasks'],
        params: taskIdParams,
        querystring: closed({ count: countQuery, from: instantQuery }),
        response: {
          200: Type.Object({ items: Type.Array(Type.String({ format: 'date-time' })) }, { named: 'InstantList' }),
        },
      },
    },
    async (request) => {
      const { count, from } = request.query as { count: number; from?: string };
      const task = await liveTask(context, request);
      const after = instantParameter('from', from) ?? now();
      return { items: (await nextRuns(task, after, count, context, isAwaited(request))).map(formatInstant) };
    },
  );
}

/** The seconds in `Prefer: wait=…` (RFC 7240 §4.3), within bounds; 0 when there are none. */
function waitAsked(prefer: string | string[] | undefined): number {
  const asked = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec([prefer ?? ''].flat().join(','))?.[1];
  return Math.min(Number(asked ?? 0), longestWaitSeconds);
}
