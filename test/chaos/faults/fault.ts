/** What every fault is given: the cluster, the plan's seconds, and what to write down. */

import type { Client } from '../client.ts';
import type { Cluster, Tools } from '../cluster/cluster.ts';
import type { RecordingTarget } from '../cluster/recording-target.ts';
import type { ChaosTask, History } from '../history.ts';
import type { FaultAction, Plan } from '../plan.ts';
import type { Random } from '../random.ts';

export type FaultContext = {
  plan: Plan;
  cluster: Cluster;
  tools: Tools;
  target: RecordingTarget;
  client: Client;
  history: History;
  random: Random;
  /** So many seconds of the long form, at the plan's pace. */
  seconds(count: number): Promise<void>;
  databaseNow(): number;
  /** Tasks that a fault makes are the checker's business too. */
  tasks: ChaosTask[];
};

/** Makes a fault, waits, and mends it, whatever happens: resolves when the world is whole again as far as it goes. */
export type Fault<K extends FaultAction['kind']> = (
  context: FaultContext,
  action: Extract<FaultAction, { kind: K }>,
) => Promise<void>;

export const sleep = (ms: number): Promise<void> => new Promise((resume) => setTimeout(resume, ms));

/** Runs `mend` after the time, also when it is cut short by an error. */
export async function during(wait: Promise<void>, mend: () => Promise<unknown>): Promise<void> {
  try {
    await wait;
  } finally {
    await mend();
  }
}
