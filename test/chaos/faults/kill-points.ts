/** Kills a replica at one exact step in the life of a run. */

import { poll } from '../../poll.ts';
import type { Gate, Moment } from '../cluster/gate.ts';
import type { ReplicaProcess } from '../cluster/replica.ts';
import type { KillPoint } from '../plan.ts';
import type { Fault } from './fault.ts';

/** Where the step shows on the wire to Postgres. What is missing here shows at the target. */
const onTheWire: Partial<Record<KillPoint, [statement: string, moment: Moment]>> = {
  'after-lock': ['claim', 'asked'],
  'before-commit': ['claim', 'executed'],
  'after-commit': ['claim', 'committed'],
  'at-answer': ['claim', 'answered'],
  'before-result': ['complete', 'asked'],
  'result-before-commit': ['complete', 'executed'],
  'after-result': ['complete', 'committed'],
};

/** `times` in a row: killed, started, killed again. */
export const killAt: Fault<'kill-at'> = async (context, { replica, point, times }) => {
  const { cluster, target, history, plan } = context;
  const wire = cluster.wires[replica]?.postgres;
  for (let time = 0; time < times; time++) {
    const doomed = cluster.replicas[replica] as ReplicaProcess;
    const place = onTheWire[point];
    if (place) {
      const gate: Gate = {
        wants: (statement, moment) => statement === place[0] && moment === place[1],
        act() {
          doomed.signal('SIGKILL');
          wire?.watch(null);
          return 'hold';
        },
      };
      wire?.watch(gate);
    } else {
      const moment = point === 'at-call' ? 'come' : 'answered';
      target.onCall = (call, when) => {
        if (when !== moment || !doomed.alive()) return;
        // Who called is in the database alone: the doomed replica is killed at somebody's call, its own one time in
        // three.
        target.onCall = null;
        doomed.signal('SIGKILL');
        history.notes.push(`killed ${point} of ${call.runId}`);
      };
    }
    const killed = await poll(() => !doomed.alive(), { what: point, withinMs: 10_000 + plan.leaseMs }).catch(
      () => false,
    );
    wire?.watch(null);
    target.onCall = null;
    if (!killed) history.notes.push(`replica ${replica} never came to ${point}`);
    await context.seconds(2);
    if (killed) await cluster.start(replica);
  }
};
