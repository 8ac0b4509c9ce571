/** API load that lasts for a while: at a rate, however quickly it is answered, or as much as some connections carry. */

import type { Later } from './cleanup.ts';
import { startScript } from './script.ts';

export type ApiLoad = {
  port: number;
  /** Whole requests, head and body, sent in turn. */
  requests: Uint8Array[];
  forMs: number;
  /**
   * A second, on as many connections as it takes; or null: each of `connections` sends its next when it is answered.
   */
  rate: number | null;
  connections: number;
  /** Whether a connection that is refused waits for as long as it is told to. */
  heedsRetryAfter: boolean;
};

export type ApiAnswers = {
  /** Milliseconds from when a request was to be sent to its answer, of those answered 2xx. */
  latencies: Float64Array;
  /** The same of all others. */
  refusals: Float64Array;
  /** How many answers had which status. */
  statuses: Record<string, number>;
};

export type ApiClient = {
  send(load: ApiLoad): Promise<ApiAnswers>;
  /** Ends the load before its time. */
  stop(): Promise<void>;
};

/** Starts a client in a process of its own. */
export function startApiClient(later: Later): ApiClient {
  const script = startScript(later, 'api-client.ts');
  return { send: (load) => script.ask('send', load), stop: () => script.ask('stop') };
}

/** A GET as it goes over the wire. */
export function getRequest(path: string): Uint8Array {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
}
