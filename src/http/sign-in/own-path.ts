/** The path that a browser goes to after a sign-in: one of this service, and no other. */

import { withoutBase } from '../origin/base-path.ts';

const longest = 1_024;
/** A name that is nobody's (RFC 2606). */
const here = 'http://here.invalid';

/**
 * The path as routes know it, with its query and fragment; null for anything that a browser could take for another
 * place. The base path may be part of it or not.
 */
export function readOwnPath(text: string, basePath: string): string | null {
  // Browsers read a backslash as a slash, and skip tabs and line ends.
  if (!/^\/(?!\/)[^\\\p{Cc}]*$/u.test(text) || !URL.canParse(text, here)) return null;
  const { origin, pathname, search, hash } = new URL(text, here);
  // Dots may hide a second slash at the start: `/..//elsewhere`.
  if (origin !== here || pathname.startsWith('//')) return null;
  const path = `${pathname}${search}${hash}`;
  if (path.length > longest) return null;
  const isBelow = basePath !== '' && (pathname === basePath || pathname.startsWith(`${basePath}/`));
  const own = isBelow ? withoutBase(path, basePath) : path;
  return own.startsWith('//') ? null : own;
}
