/** Faults of the wires between one replica and its servers. */

import type { Wire } from '../cluster/wire.ts';
import type { NetworkFault } from '../plan.ts';
import { during, type Fault, sleep } from './fault.ts';

export const networkFault: Fault<'network'> = async (context, { replica, to, how, for: length }) => {
  const wires = to.map((dependency) => context.cluster.wires[replica]?.[dependency] as Wire);
  if (how === 'flap') {
    // Cut for 2 s and whole for 2 s, in turn.
    let over = false;
    const flapping = (async () => {
      while (!over) {
        await Promise.all(wires.map((wire) => wire.cut(true)));
        await sleep(2_000);
        await Promise.all(wires.map((wire) => wire.restore()));
        await sleep(2_000);
      }
    })();
    return during(context.seconds(length), async () => {
      over = true;
      await flapping;
    });
  }
  await Promise.all(wires.map((wire) => breakIt(wire, how)));
  await during(context.seconds(length), () => Promise.all(wires.map((wire) => mend(wire, how))));
};

async function breakIt(wire: Wire, how: NetworkFault): Promise<void> {
  if (how === 'cut') await wire.cut(true);
  else if (how === 'hole') wire.pass('dropped', 'dropped');
  // What is sent arrives and is done; the answers do not come back.
  else if (how === 'half-open') wire.pass('open', 'dropped');
  else wire.delay(200);
}

async function mend(wire: Wire, how: NetworkFault): Promise<void> {
  if (how === 'cut') await wire.restore();
  wire.delay(0);
  wire.pass('open', 'open');
  // Bytes are missing in the connections of before: no TCP connection would go on.
  if (how === 'hole' || how === 'half-open') await wire.cut(false);
}
