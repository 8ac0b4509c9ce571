/** The messages about changes that replicas send each other. */

import type { Tally } from './tally.ts';

/** Changes of runs in a namespace: how many each task had, and how many are counted for no task. */
type RunChanges = [namespace: string, byTask: [task: string, count: number][], others: number];

/** `from` is a process. */
export type Message = { from: string } & (
  | Hello
  /** Somebody listens at the sender, in these namespaces; null where they are too many to be told. */
  | { kind: 'listening'; namespaces: string[] | null }
  | { kind: 'cluster' }
  | { kind: 'runs'; runs: RunChanges[] }
);

/** The sender can hear and be heard from now on; `again` where that was so before. */
type Hello = { kind: 'hello'; again: boolean };

/** Reads a message; null where it is none that this version knows. */
export function readMessage(text: string): Message | null {
  try {
    const message = JSON.parse(text) as Message;
    return typeof message?.from === 'string' && typeof message.kind === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** The texts of messages that tell all these changes, each of at most `mostBytes`. */
export function textsOfRuns(from: string, tallies: ReadonlyMap<string, Tally>, mostBytes: number): string[] {
  const texts: string[] = [];
  const overhead = JSON.stringify({ from, kind: 'runs', runs: [] }).length;
  let runs: RunChanges[] = [];
  let bytes = overhead;

  function close(): void {
    if (runs.length > 0) texts.push(JSON.stringify({ from, kind: 'runs', runs } satisfies Message));
    runs = [];
    bytes = overhead;
  }

  for (const [namespace, { byTask, others }] of tallies) {
    const head = Buffer.byteLength(JSON.stringify([namespace, [], others])) + 1;
    if (bytes + head > mostBytes) close();
    let changes: RunChanges = [namespace, [], others];
    runs.push(changes);
    bytes += head;
    for (const entry of byTask) {
      const size = Buffer.byteLength(JSON.stringify(entry)) + 1;
      if (bytes + size > mostBytes) {
        close();
        changes = [namespace, [], 0];
        runs.push(changes);
        bytes += head;
      }
      changes[1].push(entry);
      bytes += size;
    }
  }
  close();
  return texts;
}
