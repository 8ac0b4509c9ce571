/** Shows what a call sends, without its credentials. */

import { cutOutput } from '../../domain/run/output.ts';
import { mask } from '../../domain/task/credentials.ts';
import type { HttpRequest, PreparedTarget } from './request.ts';
import { isCredential } from './target/credentials.ts';

/** Names the call, and is no secret. */
const idHeader = 'idempotency-key';

export function shownRequest({ route, secretIn }: PreparedTarget, { method, headers, body }: HttpRequest) {
  const shown: Record<string, string> = {};
  for (let place = 0; place < headers.length; place += 2) {
    const [name = '', value = ''] = headers.slice(place, place + 2);
    const isHidden = name !== idHeader && (isCredential(name, value) || secretIn.headers.includes(name));
    shown[name] = isHidden ? mask : value;
  }
  const url = new URL(route.url);
  url.username = '';
  url.password = '';
  return { method, url: url.href, headers: shown, body: body === null ? null : cutOutput(body.toString()).text };
}
