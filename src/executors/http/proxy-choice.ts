/** Which proxy settings choose for a URL: one for all, or as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. */

import { isIP } from 'node:net';
import { ok, type Result } from '../../errors.ts';
import { type AddressRules, compileAddressRules, parseAddressRules } from './filter/address-rules.ts';
import { faultInProxy, type ProxyChoice, readProxy } from './target/proxy.ts';

/** The URL of a proxy, or its fault, which repeats nothing of it. */
export function parseProxy(text: string): Result<string, string[]> {
  const detail = faultInProxy(text);
  return detail === null ? ok(text) : { ok: false, errors: [detail] };
}

/** URLs of proxies by the scheme of the called URL; null = directly. `none` is a list as NO_PROXY has it. */
export type ProxyRules = { http: string | null; https: string | null; none: string };

/** An entry of NO_PROXY; without a port it is for all. */
type Exception = { rules: AddressRules; port: string | null };

/**
 * `none` holds names (with all names below them), addresses, networks and `*`, separated by commas or blanks, each with
 * a port or without. Other entries are passed over, as other programs pass them over.
 */
export function createProxyChoice({ http, https, none }: ProxyRules): ProxyChoice {
  const proxies = { 'http:': http && readProxy(http), 'https:': https && readProxy(https) };
  const words = none.toLowerCase().split(/[\s,]+/);
  const exceptions = words.flatMap(readException);
  const hasNone = words.includes('*');
  return (url) => {
    const proxy = proxies[url.protocol === 'https:' ? 'https:' : 'http:'] || null;
    if (proxy === null || hasNone) return null;
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    const isExcepted = exceptions.some(
      ({ rules, port: only }) =>
        (only === null || only === port) && (isIP(host) === 0 ? rules.matchesHost(host) : rules.matchesAddress(host)),
    );
    return isExcepted ? null : proxy;
  };
}

function readException(word: string): Exception[] {
  const [, host = word, port = null] = /^(\[.*\]|[^:]*):(\d{1,5})$/.exec(word) ?? [];
  const name = host.replace(/^\*?\./, '');
  const read = parseAddressRules(name);
  if (!read.ok || read.value.length !== 1) return [];
  const isNetwork = isIP(name.split('/')[0]?.replace(/^\[(.*)\]$/, '$1') ?? '') !== 0;
  return [{ rules: compileAddressRules(isNetwork ? [name] : [name, `.${name}`]), port }];
}
