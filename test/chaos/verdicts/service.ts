/** Judges the service around the runs: what was acknowledged, how requests were answered, metrics, memory. */

import type { Case, Verdict } from './verdict.ts';
import { groupBy, isTerminal } from './verdict.ts';

export function judgeService(of: Case): Verdict[] {
  return [...acknowledged(of), ...answers(of), ...metrics(of), ...memory(of)];
}

/** What a 2xx said is there. */
function acknowledged({ history, tasks, runs }: Case): Verdict[] {
  const verdicts: Verdict[] = [];
  const rows = new Map(tasks.map(({ row }) => [row.incarnation, row]));
  const lost = (detail: string, at: number) => verdicts.push({ kind: 'lost acknowledgement', detail, at });
  for (const request of history.requests) {
    if (request.ok !== true) continue;
    const row = rows.get(request.incarnation);
    const { kind, taskId, answeredAt, runId, runStatus } = request;
    if (kind === 'create' && !row) lost(`task ${taskId} was created, but is not there`, answeredAt);
    if (kind === 'delete' && row && row.deletedAt === null)
      lost(`task ${taskId} was deleted, but is there`, answeredAt);
    if (kind === 'trigger' && runId !== undefined) {
      const run = runs.get(runId);
      if (!run) lost(`run ${runId} of ${taskId} was accepted, but is not there`, answeredAt);
      else if (isTerminal(runStatus ?? null) && runStatus !== run.status)
        lost(`run ${runId} of ${taskId} was told to be ${runStatus}, but is ${run.status}`, answeredAt);
    }
  }
  // A key that came twice makes one run: there are never more runs by hand than requests.
  const asked = groupBy(
    history.requests.filter(({ kind, ok }) => kind === 'trigger' && ok !== false),
    ({ incarnation }) => incarnation,
  );
  for (const { row, runs: own } of tasks) {
    const byHand = own.filter(({ trigger }) => trigger === 'manual').length;
    const most = asked.get(row.incarnation ?? '')?.length ?? 0;
    if (row.incarnation !== null && byHand > most)
      verdicts.push({
        kind: 'double run',
        detail: `${row.id} has ${byHand} runs by hand, but only ${most} were asked for`,
        at: null,
      });
  }
  // The last known change of a task is what it is at the end.
  for (const [incarnation, requests] of groupBy(history.requests, (request) => request.incarnation)) {
    const changes = requests.filter(
      ({ kind, ok }) => ok !== false && (kind === 'stop' || kind === 'start' || kind === 'delete'),
    );
    const last = [...changes].sort((a, b) => a.sentAt - b.sentAt).at(-1);
    const row = rows.get(incarnation);
    if (last?.ok === true && last.kind === 'stop' && row?.deletedAt === null && row.status === 'active')
      lost(`task ${last.taskId} was stopped, but is active`, last.answeredAt);
  }
  return verdicts;
}

function answers({ history }: Case): Verdict[] {
  const { answerMs, failures } = history.plan.limits;
  return history.requests.flatMap((request): Verdict[] => {
    const { kind, taskId, status, sentAt, answeredAt, problem } = request;
    const took = Math.round(answeredAt - sentAt);
    const name = `${kind} of ${taskId}`;
    // 503 says "not now"; any other 5xx is a fault of ours whatever is broken around it.
    if (status !== null && status >= 500 && (status !== 503 || request.retryAfter === false))
      return [
        {
          kind: 'failed request',
          detail: `${name} was answered with ${status}${status === 503 ? ' without Retry-After' : `: ${problem}`}`,
          at: answeredAt,
        },
      ];
    if (!failures && request.ok === null)
      return [{ kind: 'failed request', detail: `${name} failed: ${status ?? problem}`, at: answeredAt }];
    if (status !== null && took > answerMs)
      return [
        {
          kind: 'failed request',
          detail: `${name} was answered after ${took} ms; ${answerMs} are allowed`,
          at: answeredAt,
        },
      ];
    return [];
  });
}

const counted = new Set(['succeeded', 'failed', 'timed_out']);

/** Once all is quiet, counters equal rows, where every replica lived through it all. */
function metrics({ history, tasks }: Case): Verdict[] {
  const { processes, plan, final } = history;
  // At the very end, after all is read, every process is ended.
  const livedThrough = ({ endedAt }: { endedAt: number | null }) => endedAt === null || endedAt > final.at;
  if (processes.length !== plan.replicas || !processes.every(livedThrough)) return [];
  if (history.metrics.length !== plan.replicas || !final.quiet) return [];
  const verdicts: Verdict[] = [];
  const fenced = history.metrics.reduce((sum, each) => sum + each.fenced, 0);
  const told = new Map<string, number>();
  for (const { executions } of history.metrics)
    for (const { taskId, status, count } of executions)
      told.set(`${taskId} ${status}`, (told.get(`${taskId} ${status}`) ?? 0) + count);
  // Tasks that were made again under the same id share its series; beyond a number of tasks the rest share one.
  const writtenOf = (taskId: string, status: string) =>
    tasks.reduce(
      (sum, { row, runs }) => sum + (row.id === taskId ? runs.filter((run) => run.status === status).length : 0),
      0,
    );
  const elsewhere = [...counted].reduce((sum, status) => sum + (told.get(`_other ${status}`) ?? 0), 0);
  let behind = -elsewhere;
  for (const { row, runs } of tasks) {
    // The series of a deleted task go with it.
    if (row.deletedAt !== null) continue;
    for (const status of counted) {
      const written = runs.filter((run) => run.status === status).length;
      const said = told.get(`${row.id} ${status}`) ?? 0;
      behind += Math.max(0, written - said);
      if (said > written && said > writtenOf(row.id, status))
        verdicts.push({
          kind: 'wrong metrics',
          detail: `${row.id}: metrics count ${said} runs ${status}, there are ${written}`,
          at: null,
        });
    }
  }
  // A write whose answer was cut off is repeated and then fenced off: written once, counted as fenced.
  if (behind > fenced)
    verdicts.push({
      kind: 'wrong metrics',
      detail: `metrics lack ${behind} runs that were written; ${fenced} writes were fenced`,
      at: null,
    });
  return verdicts;
}

function memory({ history }: Case): Verdict[] {
  return history.processes.flatMap(({ replica, rss }): Verdict[] => {
    // The first samples are of a process that has not done anything yet.
    const settled = rss.slice(5);
    if (settled.length < 5) return [];
    const start = Math.max(...settled.slice(0, 5));
    const growth = Math.max(...settled) - start;
    if (growth <= history.plan.limits.growthMiB) return [];
    return [
      {
        kind: 'memory',
        detail: `replica ${replica} grew by ${Math.round(growth)} MiB from ${Math.round(start)}`,
        at: null,
      },
    ];
  });
}
