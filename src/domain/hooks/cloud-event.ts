/** Writes the events for hooks as CloudEvents 1.0 in the JSON format (https://github.com/cloudevents/spec). */

import { defaultNamespace } from '../access/namespace.ts';
import { formatInstant } from '../input/instant.ts';
import type { ErrorKind, RunStatus, Trigger } from '../run/run.ts';
import type { EventHook } from '../task/policies.ts';

/** A structured-mode event; `source` is a URI-reference, `time` an RFC 3339 instant, `source` + `id` are unique. */
export type CloudEvent = {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  subject?: string;
  time: string;
  datacontenttype: 'application/json';
  data: Record<string, unknown>;
};

/** The content type of such a body. */
export const cloudEventType = 'application/cloudevents+json';

/** The task that an event is about. */
export type EventTask = { namespace: string; id: string };

/** A run that is over. Instants are epoch milliseconds. */
export type EndedRun = {
  id: string;
  status: RunStatus;
  trigger: Trigger;
  scheduledFor: number;
  startedAt: number | null;
  finishedAt: number | null;
  attempt: number;
  httpStatus: number | null;
  output: string | null;
  truncated: boolean;
  error: { kind: ErrorKind; message: string } | null;
};

const types: Record<EventHook, string> = {
  onSuccess: 'punctual.run.succeeded',
  // failed, timed_out and lost share one type, because a hook on failures hears of all three. `data.status` tells which
  // it is.
  onFailure: 'punctual.run.failed',
  onRecovery: 'punctual.run.recovered',
  onMissed: 'punctual.task.missed',
};

/**
 * Intermediaries need not forward events of more than 64 KiB (CloudEvents 1.0, "Size Limits"); the output is most of
 * one.
 */
const mostOutputBytes = 48 * 1024;

/** The event that tells the end of a run to `hook`. `at` is when it was noted, in epoch milliseconds. */
export function runEvent(id: string, hook: EventHook, task: EventTask, run: EndedRun, at: number): CloudEvent {
  const output = run.output === null ? null : fitting(run.output);
  return {
    ...envelope(id, hook, task, run.finishedAt ?? at),
    subject: run.id,
    data: {
      taskId: task.id,
      runId: run.id,
      status: run.status,
      startTime: shown(run.startedAt),
      endTime: shown(run.finishedAt),
      output,
      truncated: run.truncated || output !== run.output,
      httpStatus: run.httpStatus,
      attempt: run.attempt,
      trigger: run.trigger,
      scheduledFor: formatInstant(run.scheduledFor),
      error: run.error,
    },
  };
}

/** The event of missed occurrences. `miss` is their range, count and policy. The event is about no single run. */
export function missEvent(id: string, task: EventTask, miss: Record<string, unknown>, at: number): CloudEvent {
  return { ...envelope(id, 'onMissed', task, at), data: { taskId: task.id, ...miss } };
}

/** The source is the path of the task in the API. */
function envelope(id: string, hook: EventHook, task: EventTask, time: number) {
  const base = task.namespace === defaultNamespace ? '' : `/ns/${task.namespace}`;
  return {
    specversion: '1.0' as const,
    id,
    source: `${base}/tasks/${encodeURIComponent(task.id)}`,
    type: types[hook],
    time: formatInstant(time),
    datacontenttype: 'application/json' as const,
  };
}

/** The longest beginning of a text that fits, without half a surrogate pair at its end. */
function fitting(text: string): string {
  let kept = text;
  while (Buffer.byteLength(JSON.stringify(kept)) > mostOutputBytes)
    kept = kept.slice(0, Math.floor(kept.length * 0.9)).replace(/[\uD800-\uDBFF]$/, '');
  return kept;
}

function shown(instant: number | null): string | null {
  return instant === null ? null : formatInstant(instant);
}
