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
  /** The `Set-Cookie` header of a sign-in under way; null ends it. */
  signIn(state: string, sealed: string | null): string;
};

/** `secure` where browsers reach the service over TLS: then the name binds a cookie to this host and to TLS. */
export function createCookies(secure: boolean): Cookies {
  const sessionName = `${secure ? '__Host-' : ''}punctual`;
  const signInName = (state: string) => `${sessionName}-sign-in-${state.slice(0, 8)}`;
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
    signIn: (state, sealed) => write(signInName(state), sealed, signInMs),
  };
}
