/** Blocks the event loop of a Node process from outside, through its inspector. */

import { WebSocket } from 'undici';
import { poll } from '../../poll.ts';
import type { ReplicaProcess } from './replica.ts';

/**
 * Resolves when the loop is blocked. The process was started with `--inspect-port=0`, so that it can be asked at all.
 */
export async function blockEventLoop(replica: ReplicaProcess, ms: number): Promise<void> {
  replica.signal('SIGUSR1');
  const url = await poll(() => /Debugger listening on (ws:\S+)/.exec(replica.output())?.[1], { what: 'the inspector' });
  const socket = new WebSocket(url);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('the inspector took no connection')));
  });
  const expression = `setImmediate(() => { const until = performance.now() + ${ms}; while (performance.now() < until); })`;
  const answered = new Promise<void>((resolve) => socket.addEventListener('message', () => resolve()));
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }));
  await answered;
  socket.close();
}
