/** A load of HTTP requests, sent by a process of its own. */

import type { Later } from './cleanup.ts';
import { startScript } from './script.ts';

export type LoadOptions = {
  port: number;
  connections: number;
  /** Whole requests, head and body. */
  requests: Uint8Array[];
  /** How often the list is sent. */
  repeat: number;
};

export type LoadResult = {
  /** From the first request to the last answer. */
  ms: number;
  /** Milliseconds from request to answer, in the order of the answers. */
  latencies: Float64Array;
  /** How many answers had which status. */
  statuses: Record<string, number>;
  /** The first answer that was not 2xx, whole. */
  firstFailure: string | null;
};

export type LoadClient = { pid: number; run(options: LoadOptions): Promise<LoadResult>; close(): Promise<void> };

export function startLoadClient(later: Later): LoadClient {
  const script = startScript(later, 'load-client.ts');
  return { pid: script.pid, run: (options) => script.ask('run', options), close: script.close };
}

/** A POST of this JSON as it goes over the wire. */
export function postRequest(path: string, body: unknown): Uint8Array {
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`);
}
