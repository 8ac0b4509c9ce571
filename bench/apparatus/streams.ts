/** Streams of live events that are kept open by a process of its own. */

import type { Later } from './cleanup.ts';
import { startScript } from './script.ts';

export type OpenStreams = {
  /** The replicas, to which the streams are spread. */
  ports: number[];
  count: number;
  path: string;
};

export type StreamClient = {
  open(options: OpenStreams): Promise<void>;
  /** Gives back how many events came since they were open. */
  close(): Promise<number>;
};

export function startStreamClient(later: Later): StreamClient {
  const script = startScript(later, 'stream-client.ts');
  return { open: (options) => script.ask('open', options), close: () => script.ask('close') };
}
