/** Entity tags and the conditional requests made with them (RFC 9110 §13). */

import type { FastifyRequest } from 'fastify';
import type { Task } from '../../store/tasks/row.ts';
import { ProblemError } from '../problems.ts';

/** Names one version of one task; a task made again under the same id has other tags. */
export function etagOf(task: Task): string {
  return `"${task.uid}-${task.version}"`;
}

/** Ends the request with 412 when `If-Match` names other versions than this. */
export function checkIfMatch(request: FastifyRequest, task: Task): void {
  const header = request.headers['if-match'];
  if (header === undefined || matches(header, etagOf(task))) return;
  throw new ProblemError('precondition_failed', `the task is at version ${task.version}, not at the one in If-Match`);
}

/** Whether `If-None-Match` names this version: for a GET, the client has it already. */
export function isKnown(request: FastifyRequest, task: Task): boolean {
  const header = request.headers['if-none-match'];
  return header !== undefined && matches(header, etagOf(task));
}

function matches(header: string, etag: string): boolean {
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
