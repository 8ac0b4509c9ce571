/** The metrics of attempts, by task and namespace: as many series as labels may have, the rest together. */

import { Counter, Histogram, type Registry } from 'prom-client';
import { defaultNamespace } from '../domain/access/namespace.ts';
import type { EndedRun } from '../domain/run/run.ts';
import { createExemplars } from './exemplars.ts';

/** An attempt whose outcome is written down. `latenessMs` is null for all but a run's first attempt. */
export type CompletedRun = Pick<EndedRun, 'namespace' | 'taskId' | 'runId' | 'status' | 'durationMs' | 'latenessMs'>;

export type RunSeriesOptions = {
  registry: Registry;
  /** `id`: a series for each task up to `taskLimit` of them, the rest in `_other`. `none`: all of them in `_other`. */
  taskLabel: 'id' | 'none';
  taskLimit: number;
  /** So many namespaces have series of their own, the rest share `_other`. */
  namespaceLimit: number;
  /** Epoch milliseconds. */
  now: () => number;
};

type TaskSeries = {
  task: string;
  namespace: string;
  duration: Histogram.Internal<'task_name' | 'namespace'>;
  executions: Map<string, Counter.Internal>;
};

type NamespaceSeries = {
  name: string;
  lateness: Histogram.Internal<'namespace'>;
  tasks: Map<string, TaskSeries>;
  /** Of its tasks without a series of their own; null while there was no attempt of one. */
  other: TaskSeries | null;
};

const rest = '_other';
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

export function createRunSeries({ registry, taskLabel, taskLimit, namespaceLimit, now }: RunSeriesOptions) {
  const registers = [registry];
  const executions = new Counter({
    name: 'task_executions_total',
    help: 'Attempts written down, by the status their run has then: all but retrying end the run',
    labelNames: ['task_name', 'status', 'namespace'],
    registers,
  });
  const duration = new Histogram({
    name: 'task_duration_seconds',
    help: 'Time an attempt took',
    labelNames: ['task_name', 'namespace'],
    buckets: durationBuckets,
    registers,
  });
  const exemplars = createExemplars('task_duration_seconds', durationBuckets, now);
  const lateness = new Histogram({
    name: 'scheduler_lateness_seconds',
    help: "Time from a run's nominal instant to the start of its first attempt",
    labelNames: ['namespace'],
    buckets: [
      0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 10, 30,
      60,
    ],
    registers,
  });
  lateness.zero({ namespace: defaultNamespace });

  const namespaces = new Map<string, NamespaceSeries>();
  let tasks = 0;
  /** Of the namespaces beyond the limit. */
  let others: NamespaceSeries | null = null;

  const newNamespace = (name: string): NamespaceSeries => ({
    ...{ name, lateness: lateness.labels(name), tasks: new Map(), other: null },
  });

  function namespaceOf(id: string): NamespaceSeries {
    const known = namespaces.get(id);
    if (known !== undefined) return known;
    if (namespaces.size >= namespaceLimit) {
      others ??= newNamespace(rest);
      return others;
    }
    const made = newNamespace(id);
    namespaces.set(id, made);
    return made;
  }

  const newTask = (task: string, namespace: string): TaskSeries => ({
    ...{ task, namespace, duration: duration.labels(task, namespace), executions: new Map() },
  });

  function taskOf(namespace: NamespaceSeries, id: string): TaskSeries {
    const known = namespace.tasks.get(id);
    if (known !== undefined) return known;
    if (taskLabel === 'none' || tasks >= taskLimit || namespace === others) {
      namespace.other ??= newTask(rest, namespace.name);
      return namespace.other;
    }
    const made = newTask(id, namespace.name);
    namespace.tasks.set(id, made);
    tasks++;
    return made;
  }

  function drop({ task, namespace, executions: counters }: TaskSeries): void {
    duration.remove(task, namespace);
    exemplars.forget(task, namespace);
    for (const status of counters.keys()) executions.remove(task, status, namespace);
  }

  return {
    exemplars,
    /** Counts one attempt that is written down; well under 2 µs. */
    completed({ namespace: id, taskId, runId, status, durationMs, latenessMs }: CompletedRun): void {
      const namespace = namespaceOf(id);
      const task = taskOf(namespace, taskId);
      let counter = task.executions.get(status);
      if (counter === undefined) {
        counter = executions.labels(task.task, status, task.namespace);
        task.executions.set(status, counter);
      }
      counter.inc();
      task.duration.observe(durationMs / 1_000);
      exemplars.note(task.task, task.namespace, durationMs / 1_000, runId);
      if (latenessMs !== null) namespace.lateness.observe(latenessMs / 1_000);
    },
    /** Drops the series of a deleted task and leaves its place to another. Counts that went to `_other` stay there. */
    forgetTask(namespace: string, taskId: string): void {
      const known = namespaces.get(namespace);
      const task = known?.tasks.get(taskId);
      if (known === undefined || task === undefined) return;
      known.tasks.delete(taskId);
      tasks--;
      drop(task);
    },
    /** Drops the series of a deleted namespace. */
    forgetNamespace(id: string): void {
      const known = namespaces.get(id);
      if (known === undefined) return;
      namespaces.delete(id);
      tasks -= known.tasks.size;
      for (const task of known.tasks.values()) drop(task);
      if (known.other !== null) drop(known.other);
      lateness.remove(id);
    },
  };
}
