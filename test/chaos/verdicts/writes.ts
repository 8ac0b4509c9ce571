/** Judges what was written to runs over time: ends that stay, overlap, prompt stops, runs that nobody carries out. */

import type { Case, Verdict } from './verdict.ts';
import { clock, groupBy, isTerminal } from './verdict.ts';

export function judgeWrites(of: Case): Verdict[] {
  return [...zombies(of), ...overlaps(of), ...overlappingCalls(of), ...stopped(of), ...stuck(of)];
}

function zombies({ history, recorderTime }: Case): Verdict[] {
  return history.audit
    .filter(({ before, changed }) => changed && isTerminal(before))
    .map(({ runId, before, after, beforeAttempt, attempt, at }) => ({
      kind: 'zombie write',
      detail: `run ${runId} was ${before} (attempt ${beforeAttempt}) and became ${after} (attempt ${attempt})`,
      at: recorderTime(at),
    }));
}

const occupies = (status: string | null) => status === 'running';

/** At most one run of a task that forbids overlap is running at any moment. */
function overlaps({ history, byUid, recorderTime }: Case): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const [uid, records] of groupBy(history.audit, ({ uid }) => uid)) {
    const task = byUid.get(uid);
    if (!task?.definition || task.definition.overlap === 'allow') continue;
    const running = new Set<string>();
    for (const { runId, after, at } of [...records].sort((a, b) => a.seq - b.seq)) {
      if (!occupies(after)) running.delete(runId);
      else if (!running.has(runId)) {
        running.add(runId);
        if (running.size > 1)
          verdicts.push({
            kind: 'overlap',
            detail: `${task.row.id} (${task.definition.overlap}) had ${running.size} runs running: ${[...running].join(', ')}`,
            at: recorderTime(at),
          });
      }
    }
  }
  return verdicts;
}

/** The same at the target, for attempts that both count: one was answered and kept, the other began before that. */
function overlappingCalls({ history, byUid, runs }: Case): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const [uid, calls] of groupBy(history.calls, ({ runId }) => runs.get(runId)?.uid ?? -1)) {
    const task = byUid.get(uid);
    if (!task?.definition || task.definition.overlap === 'allow') continue;
    const counted = calls
      .filter(({ runId, attempt, answeredAt }) => {
        const run = runs.get(runId);
        return answeredAt !== null && run?.status === 'succeeded' && run.attempt === attempt;
      })
      .sort((a, b) => a.at - b.at);
    counted.forEach((call, place) => {
      const before = counted[place - 1];
      if (before?.answeredAt != null && call.at < before.answeredAt && call.runId !== before.runId)
        verdicts.push({
          kind: 'overlap',
          detail: `${task.row.id} (${task.definition?.overlap}) called the target for ${call.runId} while ${before.runId} was not answered`,
          at: call.at,
        });
    });
  }
  return verdicts;
}

/** A call that was on its way when the stop was answered may come this much later. */
const onTheWayMs = 1_000;

/** After the answer to a stop or delete, no run by schedule comes into being or begins until the next start. */
function stopped({ history, databaseTime, tasks, auditByRun, recorderTime }: Case): Verdict[] {
  const verdicts: Verdict[] = [];
  const changes = history.requests.filter(({ kind, ok }) => kind !== 'trigger' && kind !== 'read' && ok !== false);
  const byIncarnation = groupBy(changes, ({ incarnation }) => incarnation);
  const callsByRun = groupBy(history.calls, ({ runId }) => runId);
  for (const { row, runs } of tasks) {
    const requests = [...(byIncarnation.get(row.incarnation ?? '') ?? [])].sort((a, b) => a.sentAt - b.sentAt);
    requests.forEach((request, place) => {
      if (request.ok !== true || (request.kind !== 'stop' && request.kind !== 'delete')) return;
      const from = request.answeredAt;
      const until = requests[place + 1]?.sentAt ?? Infinity;
      const seen = request.runsAfter && new Set(request.runsAfter);
      const tell = (at: number, what: string) =>
        verdicts.push({
          kind: 'called after stop',
          detail: `${row.id}: ${what} the ${request.kind} was answered at ${clock(from)}`,
          at,
        });
      for (const run of runs) {
        if (run.trigger !== 'schedule' && run.trigger !== 'catch_up') continue;
        const writes = auditByRun.get(run.id) ?? [];
        const made = recorderTime(writes[0]?.at ?? run.createdAt);
        const begun = writes.find(({ after, attempt }) => after === 'running' && attempt === 1);
        const within = (at: number) => at > from && at < until;
        const call = callsByRun.get(run.id)?.find(({ attempt, at }) => attempt === 1 && at < until);
        if (seen && !seen.has(run.id) && made < until)
          tell(made, `run ${run.id} (${run.status}) was not there yet, but came, after`);
        else if (request.cancel === 'none') continue;
        else if (begun && begun.at > databaseTime(from) + 5 && within(recorderTime(begun.at)))
          tell(from, `run ${run.id} began ${Math.round(begun.at - databaseTime(from))} ms after`);
        else if (call && call.at > from + onTheWayMs)
          tell(call.at, `the target was called ${Math.round(call.at - from)} ms after`);
      }
    });
  }
  return verdicts;
}

const patienceMs = 15_000;

/**
 * A run stays `running` without a live lease for 15 s at most while anybody is there to take it; at the end all is
 * over.
 */
function stuck({ history }: Case): Verdict[] {
  const verdicts: Verdict[] = [];
  const since = new Map<string, number>();
  const told = new Set<string>();
  let last = 0;
  for (const { at, alive, runs } of history.orphans) {
    // While nobody could take it, or nobody could look, the time does not count.
    if (alive === 0 || at - last > 3_000) since.clear();
    last = at;
    const now = new Set(runs);
    for (const run of since.keys()) if (!now.has(run)) since.delete(run);
    for (const run of now) {
      const from = since.get(run) ?? at;
      since.set(run, from);
      if (at - from > patienceMs && !told.has(run)) {
        told.add(run);
        verdicts.push({
          kind: 'stuck',
          detail: `run ${run} was running without a live lease for ${Math.round((at - from) / 1_000)} s`,
          at,
        });
      }
    }
  }
  for (const run of history.final.runs)
    if (!isTerminal(run.status))
      verdicts.push({
        kind: 'stuck',
        detail: `run ${run.id} is still ${run.status} (attempt ${run.attempt}) at the end`,
        at: null,
      });
  return verdicts;
}
