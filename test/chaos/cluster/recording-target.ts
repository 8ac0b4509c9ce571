/** The target of all tasks: writes down every call and behaves as the path says. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CallRecord, recorderNow } from '../history.ts';

export type RecordingTarget = {
  url: string;
  calls: CallRecord[];
  /** Called when a call has come, and when it has been answered. */
  onCall: ((call: CallRecord, moment: 'come' | 'answered') => void) | null;
  close(): Promise<void>;
};

/** `/t/<task>?takes=<ms>&failures=<attempts of each run that fail>`. */
export async function startRecordingTarget(): Promise<RecordingTarget> {
  const calls: CallRecord[] = [];
  const server = createServer((request, response) => {
    const at = recorderNow();
    const header = (name: string) => String(request.headers[name] ?? '');
    const url = new URL(request.url ?? '/', 'http://target');
    const call: CallRecord = {
      at,
      answeredAt: null,
      runId: header('x-run-id'),
      attempt: Number(header('x-attempt')),
      taskId: header('x-task-id'),
      scheduledFor: Date.parse(header('x-scheduled-for')),
      trigger: header('x-trigger'),
      key: header('idempotency-key'),
    };
    calls.push(call);
    target.onCall?.(call, 'come');
    request.on('error', () => {}).resume();
    response.on('error', () => {});
    const answer = () => {
      if (response.destroyed) return;
      call.answeredAt = recorderNow();
      response.writeHead(call.attempt <= Number(url.searchParams.get('failures') ?? 0) ? 500 : 200).end('done');
      target.onCall?.(call, 'answered');
    };
    const takes = Number(url.searchParams.get('takes') ?? 0);
    if (takes > 0) setTimeout(answer, takes);
    else answer();
  });
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target: RecordingTarget = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    onCall: null,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return target;
}
