/**
 * OpenMetrics (version 1.0.0) made of Prometheus' text, with exemplars: one run for each bucket of a histogram.
 * prom-client writes this format too, but renames its counters for good when it does.
 */

import { traceIdOf } from '../domain/run/trace.ts';

export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** A run that fell into a bucket. Instants are epoch milliseconds, values seconds. */
type Exemplar = { traceId: string; value: number; at: number };

export type Exemplars = {
  /** Keeps a run as the example of its bucket, unless the one that is there is new. */
  note(taskName: string, namespace: string, seconds: number, runId: string): void;
  forget(taskName: string, namespace: string): void;
  /** By the sample that they belong to, as it stands in the text: name and labels. */
  bySample(): Map<string, string>;
};

/** A newer one replaces it after this time: a burst must not make one for every run. */
const keptMs = 10_000;

/** The exemplars of the histogram `metric`, whose labels are `task_name` and `namespace`. `buckets` are its upper bounds. */
export function createExemplars(metric: string, buckets: readonly number[], now: () => number): Exemplars {
  const byNamespace = new Map<string, Map<string, (Exemplar | undefined)[]>>();

  function bucketOf(seconds: number): number {
    let place = 0;
    while (place < buckets.length && seconds > (buckets[place] as number)) place++;
    return place;
  }

  return {
    note(taskName, namespace, seconds, runId) {
      let byTask = byNamespace.get(namespace);
      if (byTask === undefined) {
        byTask = new Map();
        byNamespace.set(namespace, byTask);
      }
      let own = byTask.get(taskName);
      if (own === undefined) {
        own = new Array(buckets.length + 1).fill(undefined);
        byTask.set(taskName, own);
      }
      const place = bucketOf(seconds);
      const known = own[place];
      const at = now();
      if (known === undefined || Math.abs(at - known.at) >= keptMs)
        own[place] = { traceId: traceIdOf(runId), value: seconds, at };
    },
    forget: (taskName, namespace) => void byNamespace.get(namespace)?.delete(taskName),
    bySample() {
      const found = new Map<string, string>();
      const all = [...byNamespace].flatMap(([namespace, byTask]) =>
        [...byTask].map(([taskName, own]) => ({ namespace, taskName, own })),
      );
      for (const { namespace, taskName, own } of all)
        for (const [place, exemplar] of own.entries()) {
          if (exemplar === undefined) continue;
          const bound = buckets[place] ?? '+Inf';
          const { traceId, value, at } = exemplar;
          found.set(
            `${metric}_bucket{le="${bound}",task_name="${escaped(taskName)}",namespace="${escaped(namespace)}"}`,
            ` # {trace_id="${traceId}"} ${value} ${at / 1_000}`,
          );
        }
      return found;
    },
  };
}

/** `text` is a page of Prometheus' text; `exemplars` are appended to their samples. */
export function openMetricsOf(text: string, exemplars: ReadonlyMap<string, string>): string {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    // OpenMetrics names the family of a counter without the suffix that its samples have.
    const counter = /^# TYPE (\S+)_total counter$/.exec(line)?.[1];
    if (counter !== undefined) {
      const help = lines.pop()?.replace(`# HELP ${counter}_total `, `# HELP ${counter} `);
      if (help !== undefined) lines.push(help);
      lines.push(`# TYPE ${counter} counter`);
      continue;
    }
    lines.push(line.startsWith('#') ? line : line + (exemplars.get(line.slice(0, line.lastIndexOf(' '))) ?? ''));
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

/** A label's value as Prometheus' text has it. */
function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
}
