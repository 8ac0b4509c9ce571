/** The client of a plan: sends requests to replicas in turn and writes down what came of each. */

import { type ChaosTask, type RequestRecord, recorderNow } from './history.ts';
import { scheduleBody, taskBody } from './load.ts';

export type Client = {
  /** The tasks that are believed to be there, and may be changed. */
  create(task: ChaosTask): Promise<RequestRecord>;
  change(task: ChaosTask): Promise<RequestRecord>;
  stop(task: ChaosTask, cancel: 'none' | 'pending'): Promise<RequestRecord>;
  start(task: ChaosTask, catchUp?: 'skip' | 'fire_once' | 'fire_all'): Promise<RequestRecord>;
  remove(task: ChaosTask): Promise<RequestRecord>;
  trigger(task: ChaosTask, wait: number): Promise<RequestRecord>;
  read(task: ChaosTask): Promise<RequestRecord>;
};

export type Answer = { status: number; body: Record<string, unknown>; retryAfter: boolean };
export type Send = (
  method: string,
  path: string,
  body: object | null,
  headers: Record<string, string>,
) => Promise<Answer & { replica: number }>;

/** An answer that takes longer never came. */
const patienceMs = 15_000;

/**
 * Whether the request may go to the next replica: it was not taken, or it changes nothing and its connection ended before
 * the answer (RFC 9110, 9.2.2; what balancers do).
 */
function mayGoOn(method: string, error: unknown): boolean {
  const { code } = (error as { cause?: { code?: string } }).cause ?? {};
  return code === 'ECONNREFUSED' || (method === 'GET' && (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET'));
}

/** Asks replicas in turn, those that cannot be reached last: what a balancer without health checks would do. */
export function sendInTurn(urls: readonly string[]): Send {
  let turn = 0;
  return async (method, path, body, headers) => {
    let refused: unknown;
    for (let tried = 0; tried < urls.length; tried++) {
      const replica = turn++ % urls.length;
      try {
        const answer = await fetch(urls[replica] + path, {
          method,
          headers: { ...headers, connection: 'close', ...(body && { 'content-type': 'application/json' }) },
          ...(body && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(patienceMs),
        });
        const text = await answer.text();
        const retryAfter = answer.headers.has('retry-after');
        return { status: answer.status, body: text === '' ? {} : JSON.parse(text), retryAfter, replica };
      } catch (error) {
        if (!mayGoOn(method, error)) throw error;
        refused = error;
      }
    }
    throw refused;
  };
}

/** `keyed` requests are repeated under their key while nobody knows what came of them. */
const repetitions = 4;

/** The ids of the task's runs by schedule that are there now; rejects when the database does not answer. */
export type Look = (task: ChaosTask) => Promise<string[]>;

export function createClient(
  send: Send,
  targetUrl: string,
  into: RequestRecord[],
  newKey: () => string,
  look: Look,
): Client {
  /** What is not there after the answer must not come later. */
  async function lookAfter(task: ChaosTask, asked: Promise<RequestRecord>): Promise<RequestRecord> {
    const record = await asked;
    const runs = record.ok === true ? await look(task).catch(() => null) : null;
    if (runs !== null) record.runsAfter = runs;
    return record;
  }

  async function ask(
    kind: RequestRecord['kind'],
    task: ChaosTask,
    [method, path, body]: readonly [string, string, object | null],
    more: Partial<RequestRecord> = {},
    headers: Record<string, string> = {},
  ): Promise<RequestRecord> {
    const sentAt = recorderNow();
    const about = { kind, taskId: task.id, incarnation: task.incarnation, sentAt, ...more };
    const keyed = 'idempotency-key' in headers;
    let record: RequestRecord | null = null;
    for (let attempt = 0; record === null || (keyed && record.ok === null && attempt < repetitions); attempt++) {
      if (attempt > 0) await new Promise((resume) => setTimeout(resume, 400 * attempt));
      record = await send(method, path, body, headers).then(
        ({ status, body: answer, retryAfter, replica }): RequestRecord => ({
          ...about,
          ...{
            answeredAt: recorderNow(),
            status,
            replica,
            retryAfter,
            ok: status < 300 ? true : status < 500 ? false : null,
          },
          ...(typeof answer.id === 'string' &&
            kind === 'trigger' && { runId: answer.id, runStatus: String(answer.status) }),
          ...(status >= 400 && { problem: String(answer.detail ?? answer.title) }),
        }),
        (error: Error & { cause?: Error }): RequestRecord => {
          const problem = `${error.message} ${error.cause?.message ?? ''}`.trim();
          return { ...about, answeredAt: recorderNow(), status: null, ok: null, replica: -1, problem };
        },
      );
    }
    into.push(record);
    return record;
  }

  const path = ({ id }: ChaosTask) => `/tasks/${id}`;
  return {
    create: (task) =>
      ask(
        'create',
        task,
        ['POST', '/tasks', taskBody(task, targetUrl)],
        { schedule: task.schedule },
        { 'idempotency-key': newKey() },
      ),
    change: (task) =>
      ask('change', task, ['PATCH', path(task), { schedule: scheduleBody(task.schedule) }], {
        schedule: task.schedule,
      }),
    stop: (task, cancel) => lookAfter(task, ask('stop', task, ['POST', `${path(task)}/stop`, { cancel }], { cancel })),
    start: (task, catchUp = 'skip') =>
      ask('start', task, ['POST', `${path(task)}/start`, { catchUp }], {
        schedule: task.schedule,
        catchUp: catchUp !== 'skip',
      }),
    remove: (task) => lookAfter(task, ask('delete', task, ['DELETE', path(task), null])),
    trigger: (task, wait) =>
      ask(
        'trigger',
        task,
        ['POST', `${path(task)}/trigger`, null],
        {},
        { 'idempotency-key': newKey(), ...(wait > 0 && { prefer: `wait=${wait}` }) },
      ),
    read: (task) => ask('read', task, ['GET', path(task), null]),
  };
}
