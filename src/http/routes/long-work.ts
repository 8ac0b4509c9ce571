/** `/runs/:id/complete` and `/runs/:id/heartbeat`: what who holds a run says about the work. */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { writeExactJson } from '../../domain/input/exact-json.ts';
import { findRun } from '../../store/runs/history.ts';
import {
  type Ending,
  endAttempt,
  endedRun,
  heartbeatMsOf,
  type OpenAttempt,
  openAttempt,
  takeHeartbeat,
} from '../../store/runs/long-work.ts';
import { isRunId } from '../../usecases/runs/read-run.ts';
import type { App, HttpContext } from '../context.ts';
import { runView } from '../output/views.ts';
import { invalidField, notFound, ProblemError } from '../problems.ts';
import { choice, closed } from '../schemas/schemas.ts';

const runParams = Type.Object({ id: Type.String({ maxLength: 128 }) });
const tokenHeader = Type.Object({
  'x-run-token': Type.Optional(
    Type.String({
      maxLength: 128,
      description: 'As the call of the target had it. `Authorization: Bearer …` works too.',
    }),
  ),
});
/** As much as is kept of an answer. */
const longestOutput = 16 * 1024;
const largestProgress = 4 * 1024;

type Completion = { status?: 'succeeded' | 'failed'; output?: unknown; error?: string; retry?: boolean };

export function longWorkRoutes(app: App, context: HttpContext): void {
  const { database, now } = context;
  const db = database.pool;

  /** The attempt that the request's token was made for; throws a 401 or 403. */
  function attemptOf(request: FastifyRequest): number {
    const { id } = request.params as { id: string };
    const token = tokenOf(request);
    if (token === null)
      throw new ProblemError(
        'unauthenticated',
        'send the token of the run, as the call of its target had it in x-run-token',
        { headers: { 'www-authenticate': 'Bearer realm="punctual"' } },
      );
    const attempt = isRunId(id) ? context.attemptOf(id, token) : null;
    if (attempt === null) throw new ProblemError('forbidden', 'this is no token of this run');
    return attempt;
  }

  /** The attempt under way that the request is about; throws a 404 or 409. */
  async function ownAttempt(request: FastifyRequest): Promise<OpenAttempt> {
    const { id } = request.params as { id: string };
    const attempt = attemptOf(request);
    const open = await openAttempt(db, id);
    if (open?.attempt === attempt) return open;
    const run = await findRun(database, id);
    if (!run) throw notFound(`run "${id}"`);
    throw new ProblemError(
      'illegal_transition',
      run.attempt > attempt
        ? `attempt ${attempt} is over; the run is at attempt ${run.attempt}`
        : `the run is ${run.status}: nothing is waited for any more`,
    );
  }

  app.post(
    '/runs/:id/complete',
    {
      // What cannot be stored of its output is replaced: the work is done, whatever it says.
      config: { role: 'token', anyText: true },
      // Before the body is looked at: a stranger learns nothing from it.
      onRequest: async (request) => void attemptOf(request),
      schema: {
        summary: 'Say how the work ended, as the target that answered 202',
        tags: ['runs'],
        params: runParams,
        headers: tokenHeader,
        body: Type.Optional(
          closed(
            {
              status: Type.Optional(choice(['succeeded', 'failed'], { default: 'succeeded' })),
              output: Type.Optional(
                Type.Unknown({ description: 'Text is kept as it is, anything else as JSON; the first 16 KiB.' }),
              ),
              error: Type.Optional(Type.String({ maxLength: 1_024, description: 'What went wrong, for `failed`.' })),
              retry: Type.Optional(Type.Boolean({ description: 'false: no further attempt, even if one is left.' })),
            },
            { named: 'CompletionInput' },
          ),
        ),
        response: { 200: Type.Ref('Run#') },
      },
    },
    async (request) => {
      const open = await ownAttempt(request);
      const ending = endingOf((request.body ?? {}) as Completion);
      const outcomeWrite = await endAttempt(db, open, ending, now(), context.random01());
      if (!outcomeWrite) throw new ProblemError('illegal_transition', 'the attempt is over');
      context.runEnded(endedRun(open, outcomeWrite));
      // Something may wait behind it, or it waits for its next attempt.
      context.signal('waiting');
      context.signal('over');
      const run = await findRun(database, open.runId);
      if (!run) throw notFound(`run "${open.runId}"`);
      return runView(run);
    },
  );

  app.post(
    '/runs/:id/heartbeat',
    {
      config: { role: 'token' },
      // Before the body is looked at: a stranger learns nothing from it.
      onRequest: async (request) => void attemptOf(request),
      schema: {
        summary: 'Say that the work goes on, and how far it is',
        tags: ['runs'],
        params: runParams,
        headers: tokenHeader,
        body: Type.Optional(
          closed(
            {
              progress: Type.Optional(
                Type.Unknown({
                  description: 'Any JSON up to 4 KiB, shown with the run: 0.4, or {"done": 40, "of": 100}.',
                }),
              ),
            },
            { named: 'HeartbeatInput' },
          ),
        ),
        response: { 200: Type.Ref('Run#') },
      },
    },
    async (request) => {
      const { runId, attempt, snapshot } = await ownAttempt(request);
      const { progress } = (request.body ?? {}) as { progress?: unknown };
      const text = progress === undefined ? '' : writeExactJson(progress);
      if (Buffer.byteLength(text) > largestProgress)
        throw invalidField([{ pointer: '#/progress', detail: 'must be at most 4 KiB as JSON' }]);
      if (!isStorable(text))
        throw invalidField([{ pointer: '#/progress', detail: 'must not contain NUL or half a surrogate pair' }]);
      const run = { runId, attempt, heartbeatMs: heartbeatMsOf(snapshot) };
      if (!(await takeHeartbeat(db, run, progress, now())))
        throw new ProblemError('illegal_transition', 'the attempt is over: stop working on it');
      const shown = await findRun(database, runId);
      if (!shown) throw notFound(`run "${runId}"`);
      return runView(shown);
    },
  );
}

function tokenOf(request: FastifyRequest): string | null {
  const { 'x-run-token': own, authorization } = request.headers;
  if (typeof own === 'string' && own !== '') return own;
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null;
}

function endingOf({ status = 'succeeded', output, error, retry = true }: Completion): Ending {
  return {
    status,
    output: output === undefined ? null : cut(typeof output === 'string' ? output : writeExactJson(output)),
    error:
      status === 'failed' ? { kind: 'rejected', message: storable(error ?? 'the target reported a failure') } : null,
    isFinal: !retry,
  };
}

/** The first 16 KiB of UTF-8, without half a character at the end. */
function cut(text: string): { text: string; truncated: boolean } {
  const bytes = Buffer.from(storable(text));
  if (bytes.length <= longestOutput) return { text: bytes.toString(), truncated: false };
  const kept = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, longestOutput), { stream: true });
  return { text: kept, truncated: true };
}

/** Postgres text knows no NUL. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

/** Whether jsonb takes it: no NUL, no half surrogate pairs, escaped or not. */
function isStorable(json: string): boolean {
  return !/\\u0000|\\ud[89a-f]/i.test(json);
}
