/** Counts the attempts of runs and writes their log lines: which lines, their members, and how many a second. */

import { namespaceMember } from '../../domain/access/namespace.ts';
import type { EndedRun, StartedRun } from '../../domain/run/run.ts';
import { traceOfRun } from '../../domain/run/trace.ts';
import type { Logger } from '../../observability/log.ts';

/**
 * `none`: no line of a run. `failures`: the end of runs that failed, timed out or were lost. `all`: start and end of
 * each.
 */
export type LogRuns = 'none' | 'failures' | 'all';

/** Hears of attempts as they begin and end. */
export type RunObserver = {
  /** Null where no log line is wanted, so that callers make no report for it. */
  started: ((run: StartedRun) => void) | null;
  ended(run: EndedRun): void;
};

export type RunObserverOptions = {
  log: Pick<Logger, 'info' | 'warn'>;
  mode: LogRuns;
  /** Counts the end of an attempt. */
  count: (run: EndedRun) => void;
  /** Calls back after so many milliseconds. */
  after: (ms: number, run: () => void) => unknown;
};

/** More lines than this in a second are counted instead of written. */
const linesPerSecond = 50;
const failures: readonly string[] = ['failed', 'timed_out', 'lost'];

/**
 * An observer that counts every end and writes log lines. It writes at most 50 lines a second. When a second had more,
 * one line then tells how many were left out.
 */
export function observeRuns({ log, mode, count, after }: RunObserverOptions): RunObserver {
  let written = 0;
  let suppressed = 0;

  function endSecond(): void {
    if (suppressed > 0) log.warn({ suppressed }, 'log lines of runs beyond 50 in a second were left out');
    written = 0;
    suppressed = 0;
  }

  function write(level: 'info' | 'warn', fields: object, message: string): void {
    if (written === 0) after(1_000, endSecond);
    written++;
    if (written > linesPerSecond) suppressed++;
    else log[level](fields, message);
  }

  return {
    started: mode === 'all' ? (run) => write('info', fieldsOf(run), 'run started') : null,
    ended(ended) {
      count(ended);
      const isRetry = ended.status === 'retrying';
      const isFailure = failures.includes(ended.status);
      if (mode === 'none' || (mode === 'failures' && !isFailure && !isRetry)) return;
      const { error, status, durationMs } = ended;
      const fields = {
        ...fieldsOf(ended),
        ...{ status, durationMs },
        ...(error ? { err: { type: error.kind, message: error.message } } : {}),
      };
      write(isFailure ? 'warn' : 'info', fields, isRetry ? 'attempt failed, another follows' : 'run ended');
    },
  };
}

/** The members of every line of a run. */
function fieldsOf({ namespace, taskId, runId, attempt, trigger, latenessMs, origin }: StartedRun) {
  return {
    ...namespaceMember(namespace),
    ...{ taskId, runId, attempt, trigger, latenessMs },
    traceId: traceOfRun(runId, origin?.trace)?.traceId,
    ...(origin?.requestId ? { requestId: origin.requestId } : {}),
    ...(origin?.source ? { triggerSource: origin.source } : {}),
  };
}
