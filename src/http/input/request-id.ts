/** The id by which one request is found again in answers, logs and events. */

import type { IncomingHttpHeaders } from 'node:http';
import { timeOrderedId } from '../../domain/schedule/occurrence.ts';
import type { HttpContext } from '../context.ts';

/** The client's `X-Request-Id` where it is harmless, else a new one. */
export function requestIdOf(
  headers: IncomingHttpHeaders,
  { now, random }: Pick<HttpContext, 'now' | 'random'>,
): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given) ? given : timeOrderedId(now(), random);
}
