/** Shows what a call sends, without its credentials. */

import { cutOutput } from '../../domain/run/output.ts';
import { mask } from '../../domain/task/credentials.ts';
import type { HttpRequest, PreparedTarget } from './request.ts';
import { isCredential } from './target/credentials.ts';

/** Stands for the value of a secret in a request that is only shown: a header can hold it, unlike the mask. */
export const placeholder = 'hidden-by-punctual';

/** Names the call, and is no secret. */
const idHeader = 'idempotency-key';

/**
 * `masked` is the target with the placeholder for each secret, and the target itself where it has none. So a value of
 * any length is hidden, also where the body is cut.
 */
export function shownRequest(
  { secretIn }: PreparedTarget,
  { method, headers, body }: HttpRequest,
  masked: PreparedTarget,
) {
  const shown: Record<string, string> = {};
  for (let place = 0; place < headers.length; place += 2) {
    const [name = '', value = ''] = headers.slice(place, place + 2);
    const isHidden = name !== idHeader && (isCredential(name, value) || secretIn.headers.includes(name));
    shown[name] = isHidden ? mask : value;
  }
  const url = new URL(masked.route.url);
  url.username = '';
  url.password = '';
  const text = secretIn.body && masked.body !== null ? masked.body : body;
  return {
    ...{ method, url: withMask(url.href), headers: shown },
    body: text === null ? null : cutOutput(withMask(text.toString())).text,
  };
}

function withMask(text: string): string {
  return text.replaceAll(placeholder, mask);
}
