/** The proxy that a target is called through: the task's own, the one of the settings, or none. */

/** An address of a proxy, taken apart. */
export type ProxyAddress = {
  protocol: 'http:' | 'https:';
  /** Without brackets. */
  hostname: string;
  port: string;
  /** The value of `proxy-authorization`; null where the URL has no credentials. */
  authorization: string | null;
};

/** Says which proxy a URL is called through where the task names none; null = directly. */
export type ProxyChoice = (url: URL) => ProxyAddress | null;

export const longestProxy = 1024;

/** The fault of a proxy's URL, or null. Repeats nothing of it: it may hold a password. */
export function faultInProxy(text: string): string | null {
  if (text.length > longestProxy) return `must be at most ${longestProxy} characters long`;
  // A URL parser forgives more slashes, but then the password is not found in the text.
  if (!/^https?:\/\/(?!\/)[^\s\p{Cc}\p{Cs}\\]+$/iu.test(text) || !URL.canParse(text))
    return 'must be an http or https URL such as http://proxy.internal:3128';
  const url = new URL(text);
  if (url.pathname !== '/' || url.search !== '' || text.includes('#'))
    return 'must be a URL without path, query and fragment';
  if (url.port === '0') return 'must not have port 0';
  if (/%(?![0-9a-f]{2})/i.test(url.username + url.password) || decoded(url.username)?.includes(':') !== false)
    return 'must have a percent-encoded user name without colon';
  if (decoded(url.password) === null) return 'must have a percent-encoded password';
  return null;
}

/** The proxy at a URL without fault. */
export function readProxy(text: string): ProxyAddress {
  const url = new URL(text);
  const hasCredentials = url.username !== '' || url.password !== '';
  const credentials = `${decoded(url.username) ?? ''}:${decoded(url.password) ?? ''}`;
  return {
    protocol: url.protocol === 'https:' ? 'https:' : 'http:',
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port || (url.protocol === 'https:' ? '443' : '80'),
    authorization: hasCredentials ? `Basic ${Buffer.from(credentials).toString('base64')}` : null,
  };
}

/** Where a proxy is, without its credentials. */
export function proxyName({ protocol, hostname, port }: ProxyAddress): string {
  return `${protocol}//${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
