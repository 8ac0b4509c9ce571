/** A browser as far as sign-in needs one: cookies by host, and redirects one at a time. */

import { parseSetCookie } from 'cookie';

export type Answer = { status: number; headers: Headers; body: string; json(): Record<string, unknown> };

export type Browser = {
  /** One request with the cookies of the host, without following redirects. */
  ask(url: string, more?: { method?: string; headers?: Record<string, string>; body?: unknown }): Promise<Answer>;
  /** The cookies that it has for the host of a URL, by name. */
  cookies(url: string): Map<string, string>;
  /**
   * Begins a sign-in at a replica and passes through the pages of the issuer. The URL, at the public URL, that the issuer
   * sends it back to.
   */
  throughIssuer(replica: string, returnTo?: string): Promise<URL>;
  /** The whole way. `end` is the replica that the browser comes back to. The answer to that. */
  signIn(begin: string, end?: string): Promise<Answer>;
};

/** `sharedHost` names URLs that stand for one host, such as two replicas behind one public URL. */
export function createBrowser(sharedHost: (url: string) => string = (url) => new URL(url).host): Browser {
  const jars = new Map<string, Map<string, string>>();
  const cookies = (url: string) => {
    const host = sharedHost(url);
    const jar = jars.get(host) ?? new Map<string, string>();
    jars.set(host, jar);
    return jar;
  };

  const ask: Browser['ask'] = async (url, { method = 'GET', headers = {}, body } = {}) => {
    const jar = cookies(url);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        ...(cookie !== '' && { cookie }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    for (const text of answer.headers.getSetCookie()) {
      const { name, value, maxAge, expires } = parseSetCookie(text);
      if (maxAge === 0 || (expires !== undefined && expires.getTime() < Date.now())) jar.delete(name);
      else jar.set(name, value ?? '');
    }
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text, json: () => JSON.parse(text) };
  };

  const throughIssuer: Browser['throughIssuer'] = async (replica, returnTo) => {
    const query = returnTo === undefined ? '' : `?${new URLSearchParams({ returnTo })}`;
    const begun = await ask(`${replica}/auth/login${query}`);
    let next = begun.headers.get('location');
    if (begun.status !== 302 || next === null) throw new Error(`${begun.status} ${begun.body}`);
    const issuer = new URL(next).origin;
    while (new URL(next, issuer).origin === issuer) {
      const page: string = new URL(next, issuer).href;
      const answer: Answer = await ask(page);
      next = answer.headers.get('location');
      if (next === null) throw new Error(`${page}: ${answer.status} ${answer.body}`);
    }
    return new URL(next);
  };

  return {
    ask,
    cookies,
    throughIssuer,
    async signIn(begin, end = begin) {
      const back = await throughIssuer(begin);
      return ask(`${end}${back.pathname}${back.search}`);
    },
  };
}
