/** Makes any fault of a plan, and writes down from when to when. */

import { recorderNow } from '../history.ts';
import type { FaultAction } from '../plan.ts';
import type { FaultContext } from './fault.ts';
import { killAt } from './kill-points.ts';
import { burst, hostileTargets, outage } from './load.ts';
import { networkFault } from './network.ts';
import { commitFault, postgresFault } from './postgres.ts';
import { lyingLock, redisFault } from './redis.ts';
import { block, clockFault, crashEverything, freeze, kill, killAll, rollingRestart, terminate } from './replicas.ts';
import { stopStorm } from './stop-storm.ts';

/** One line for people and the timeline. */
function describeFault(action: FaultAction): string {
  const { kind, ...rest } = action;
  return [kind, ...Object.entries(rest).map(([name, value]) => `${name}=${value}`)].join(' ');
}

function make(context: FaultContext, action: FaultAction): Promise<void> {
  switch (action.kind) {
    case 'kill':
      return kill(context, action);
    case 'kill-at':
      return killAt(context, action);
    case 'kill-all':
      return killAll(context, action);
    case 'crash-everything':
      return crashEverything(context, action);
    case 'freeze':
      return freeze(context, action);
    case 'block':
      return block(context, action);
    case 'terminate':
      return terminate(context, action);
    case 'rolling-restart':
      return rollingRestart(context, action);
    case 'redis':
      return redisFault(context, action);
    case 'lock':
      return lyingLock(context, action);
    case 'postgres':
      return postgresFault(context, action);
    case 'commit':
      return commitFault(context, action);
    case 'network':
      return networkFault(context, action);
    case 'clock':
      return clockFault(context, action);
    case 'hostile-targets':
      return hostileTargets(context, action);
    case 'burst':
      return burst(context, action);
    case 'stop-storm':
      return stopStorm(context, action);
    case 'outage':
      return outage(context, action);
  }
}

export async function makeFault(context: FaultContext, action: FaultAction): Promise<void> {
  const record = { what: describeFault(action), from: recorderNow(), until: Number.POSITIVE_INFINITY };
  context.history.faults.push(record);
  try {
    await make(context, action);
  } finally {
    record.until = recorderNow();
  }
}
