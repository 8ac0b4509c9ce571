/** Looks at and signals processes by their ids, and never by name. */

import { readdir, readFile } from 'node:fs/promises';

/** The ids of all living children of a process. */
async function childrenOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    // The name in parentheses may contain anything; the parent is the second field after it.
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid) found.push(Number(name));
  }
  return found;
}

/** Signals a process and all its children, the process first: it starts no more of them while it stands still. */
export async function signalTree(pid: number, signal: NodeJS.Signals): Promise<void> {
  for (const each of [pid, ...(await childrenOf(pid))])
    try {
      process.kill(each, signal);
    } catch {
      // It has gone.
    }
}
