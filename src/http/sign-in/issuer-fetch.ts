/** Calls to the issuer: over https, or on loopback, to where it was said to be, with answers of a bounded size. */

import type { CustomFetch } from 'openid-client';

const largestAnswer = 512 * 1024;

/** A call to the issuer that is not made, or whose answer is not read to its end. */
class IssuerCallError extends Error {}

/** Whether a URL may be called: https, or http on loopback. */
export function isSafeUrl(url: string, isLoopback: (host: string) => boolean): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/[[\]]/g, '')));
}

/** `fetch` as the library of OpenID Connect calls it. Redirects are not followed: the library refuses them. */
export function createIssuerFetch(isLoopback: (host: string) => boolean): CustomFetch {
  return async (url, { body, ...options }) => {
    if (!isSafeUrl(url, isLoopback)) throw new IssuerCallError('the issuer names a URL that is not https');
    const answer = await fetch(url, { ...options, redirect: 'manual', ...(body != null && { body }) });
    const bytes = await readBody(answer);
    const hasBody = bytes.length > 0 && ![101, 204, 205, 304].includes(answer.status);
    return new Response(hasBody ? bytes : null, { status: answer.status, headers: answer.headers });
  };
}

async function readBody(answer: Response): Promise<Buffer<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (size > largestAnswer)
      throw new IssuerCallError(`an answer of the issuer is larger than ${largestAnswer} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
