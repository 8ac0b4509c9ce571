/** Tells of a run how long its log is, and where more about it is found. */

import { emptyLog, truncatedOf } from '../../domain/run/log-layout.ts';
import { isOver } from '../../domain/run/run.ts';
import { traceOfRun } from '../../domain/run/trace.ts';
import type { WholeRun } from '../../store/runs/history.ts';

/** `bytes` is the length of the log with what was dropped of it. */
export function logView({ log, status }: Pick<WholeRun, 'log' | 'status'>) {
  const layout = log ?? emptyLog;
  return { bytes: layout.bytes, truncatedBytes: truncatedOf(layout), complete: isOver(status) };
}

/** Paths, each with `base` before it. `trace` is no path: it is the id of the run's trace where traces are kept. */
export function runLinks({ id, taskId, origin }: Pick<WholeRun, 'id' | 'taskId' | 'origin'>, base: string) {
  return {
    log: `${base}/runs/${id}/log`,
    follow: `${base}/runs/${id}/log/follow`,
    task: `${base}/tasks/${taskId}`,
    trace: traceOfRun(id, origin?.trace)?.traceId ?? null,
  };
}
