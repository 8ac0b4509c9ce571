/** The cookies of this service: that of a session, and those of sign-ins under way. */

import { parseCookie, stringifySetCookie } from 'cookie';
import { sessionLongestMs } from '../../domain/access/session.ts';

/** How long a sign-in may take, in milliseconds. */
export const signInMs = 10 * 60_000;

export type Cookies = {
  /** The id of the session in the `Cookie` header; null where there is none. */
  sessionOf(header: string | undefined): string | null;
  /** The sealed sign-in of a state in the `Cookie` header; null where there is none. */
  signInOf(header: string | undefined, state: string): string | null;
  /** The `Set-Cookie` header of a session; null ends it. */
  session(id: string | null): string;
  /** The `Set-Cookie` headers of a sign-in that begins. A browser with this `Cookie` header forgets its oldest ones. */
  beginSignIn(header: string | undefined, state: string, sealed: string): string[];
  /** The `Set-Cookie` header of a sign-in that has come back. */
  endSignIn(state: string): string;
};

/** Sign-ins under way in one browser: more would make its requests too large. */
const mostSignIns = 4;

/** `secure` where browsers reach the service over TLS: then the name binds a cookie to this host and to TLS. */
export function createCookies(secure: boolean): Cookies {
  const sessionName = `${secure ? '__Host-' : ''}punctual`;
  const prefix = `${sessionName}-sign-in-`;
  const signInName = (state: string) => `${prefix}${state.slice(0, 8)}`;
  // The prefix asks for the path `/` and no domain, also below a base path.
  const attributes = { httpOnly: true, secure, sameSite: 'lax', path: '/' } as const;
  const write = (name: string, value: string | null, ms: number) =>
    stringifySetCookie({ ...attributes, name, value: value ?? '', maxAge: value === null ? 0 : ms / 1_000 });
  const read = (header: string | undefined, name: string) =>
    header === undefined ? null : parseCookie(header)[name] || null;
  return {
    sessionOf: (header) => read(header, sessionName),
    signInOf: (header, state) => (/^[\w-]{8,}$/.test(state) ? read(header, signInName(state)) : null),
    session: (id) => write(sessionName, id, sessionLongestMs),
    beginSignIn(header, state, sealed) {
      // Browsers send the oldest first.
      const others = Object.keys(parseCookie(header ?? '')).filter((name) => name.startsWith(prefix));
      const forgotten = others.slice(0, Math.max(0, others.length - mostSignIns + 1));
      return [write(signInName(state), sealed, signInMs), ...forgotten.map((name) => write(name, null, 0))];
    },
    endSignIn: (state) => write(signInName(state), null, 0),
  };
}
