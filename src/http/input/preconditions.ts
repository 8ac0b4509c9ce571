/** Entity tags and the conditional requests made with them (RFC 9110 §13). */

import type { FastifyRequest } from 'fastify';
import type { Task } from '../../store/tasks/row.ts';
import type { Expected } from '../../usecases/changes/expected.ts';

/** Names one version of one task; a task made again under the same id has other tags. */
export function etagOf(task: Task): string {
  return `"${task.uid}-${task.version}"`;
}

/** Whether `If-Match` names the version of a task; null where the client sent none. */
export function expectedBy({ headers }: FastifyRequest): Expected | null {
  const header = headers['if-match'];
  return header === undefined ? null : (task) => matches(header, etagOf(task));
}

/** Whether `If-None-Match` names this version: for a GET, the client has it already. */
export function isKnownTo(request: FastifyRequest, task: Task): boolean {
  const header = request.headers['if-none-match'];
  return header !== undefined && matches(header, etagOf(task));
}

function matches(header: string, etag: string): boolean {
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
