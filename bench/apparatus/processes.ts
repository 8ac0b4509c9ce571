/** What processes use: CPU time and memory, as Linux counts them in /proc. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/**
 * CPU seconds of these processes and all their children, those that have ended included. A process that is gone has 0.
 */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    for (const each of [pid, ...childrenOf(pid)]) {
      const stat = readProc(each, 'stat');
      // The second field is the program's name, which may hold blanks and parentheses.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // utime and stime; of the parent also those of the children it has waited for.
      ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
      if (each === pid) ticks += Number(fields[13] ?? 0) + Number(fields[14] ?? 0);
    }
  }
  return ticks / ticksPerSecond;
}

/** CPU seconds that the whole machine has worked: everything but idling and waiting for disks. */
export function machineCpuSeconds(): number {
  const [, ...fields] = (readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '').split(/\s+/);
  const [user, nice, system, , , irq, softirq, steal] = fields.map(Number);
  return ([user, nice, system, irq, softirq, steal] as number[]).reduce((sum, ticks) => sum + ticks) / ticksPerSecond;
}

export const cores: number = cpus().length;

/** Resident memory of one process in MiB: now, and at most since it started. */
export function residentMiB(pid: number): { now: number; peak: number } {
  const status = readProc(pid, 'status');
  const read = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024);
  return { now: read('VmRSS'), peak: read('VmHWM') };
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
