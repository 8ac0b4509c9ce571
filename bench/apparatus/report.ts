/** How a bench tells its figures: a table for people, then one line of JSON. */

import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import type { Services } from './services.ts';

export type Rows = Record<string, Record<string, number | string>>;

/** Columns for rows: who is compared stands side by side. */
export function sideBySide(rows: Rows): Rows {
  const names = [...new Set(Object.values(rows).flatMap(Object.keys))];
  return Object.fromEntries(
    names.map((name) => [
      name,
      Object.fromEntries(Object.entries(rows).map(([column, values]) => [column, values[name] ?? ''])),
    ]),
  );
}

/** Prints both. `rows` is what people see, `figures` what machines read. */
export function report(workload: string, services: Services, rows: Rows, figures: Record<string, unknown>): void {
  console.table(rows);
  console.log(JSON.stringify({ workload, ...figures, machine: machine(services) }));
}

/** A share of others above this makes a measurement worthless as a figure; as a comparison it may still do. */
const mostOthers = 0.05;

/** Says so when others used the machine meanwhile. */
export function warnOfOthers(what: string, share: number): void {
  if (share > mostOthers)
    console.error(`${what}: other processes used ${Math.round(share * 100)} % of the machine meanwhile`);
}

function machine({ postgres, redis, fsyncMs }: Services) {
  return {
    cores: cpus().length,
    cpu: cpuModel(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    postgres: postgres.version,
    redis: redis.version,
    fsyncMs: Number(fsyncMs.toFixed(2)),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

function cpuModel(): string {
  return /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
}
