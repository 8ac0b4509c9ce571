/**
 * Credentials in what a task calls: which values they are, hidden behind a mask, and put back where the mask comes
 * back.
 */

import { type FieldError, ok, type Result } from '../../errors.ts';
import { pointerPart } from '../input/field.ts';
import { isObject } from '../input/merge-patch.ts';

/** Stands for a value that is not shown. No header can hold it: its characters are not Latin-1. */
const mask = '••••••';

const credentialNames =
  /authorization|authentication|cookie|token|key|secret|passw(or)?d|passphrase|signature|credential|^proxy-|(^|[-_])(auth|bearer|jwt|pass|pwd|sig|hmac|session)([-_]|$)/;
/** A value that says itself what it is, under whatever name. */
const credentialValues = /^(bearer|basic|digest|negotiate|apikey|token)\s+\S|^whsec_|^eyJ[\w-]+\./i;

/** Whether the value of a header (its name in lower case) is a credential. */
export function isCredential(name: string, value: string): boolean {
  return credentialNames.test(name) || credentialValues.test(value);
}

/**
 * All that is called has this form: targets, fallbacks, hooks. `tls.key` is a private key in PEM, `proxy` a URL with or
 * without a password.
 */
type Call = { headers: Record<string, string>; tls?: { key?: string | null } | null; proxy?: string };

/** The same call without its credentials; the call itself where it has none. */
function maskCall<T extends Call>(call: T): T {
  const { headers, tls, proxy } = call;
  const shownProxy = proxy && maskUrl(proxy);
  const hidden = Object.entries(headers).filter(([name, value]) => isCredential(name, value));
  if (hidden.length === 0 && tls?.key == null && shownProxy === proxy) return call;
  return {
    ...call,
    headers: { ...headers, ...Object.fromEntries(hidden.map(([name]) => [name, mask])) },
    ...(tls?.key == null ? {} : { tls: { ...tls, key: mask } }),
    ...(shownProxy === undefined ? {} : { proxy: shownProxy }),
  };
}

/** A URL with the mask for its password; for its user name where that stands alone, because then it is a token. */
function maskUrl(url: string): string {
  return url.replace(/^(\w+:\/+)(?:([^/@]*?:)[^/]*|[^/]+)@/, `$1$2${mask}@`);
}

/** The parts of a definition that may hold credentials. */
type Definition = {
  target: Call;
  fallback: Call | null;
  hooks: Record<string, Call | null> | null;
  signing: { secret: string } | null;
};

/** A definition as readers, operators and events see it. */
export function maskCredentials<T extends Definition>(definition: T): T {
  const { target, fallback, hooks } = definition;
  return {
    ...hideSigning(definition),
    target: maskCall(target),
    fallback: fallback && maskCall(fallback),
    hooks: hooks && Object.fromEntries(Object.entries(hooks).map(([name, call]) => [name, call && maskCall(call)])),
  };
}

/** A definition as its owner sees it: a signing secret is shown to nobody. */
export function hideSigning<T extends Pick<Definition, 'signing'>>(definition: T): T {
  return definition.signing === null ? definition : { ...definition, signing: { ...definition.signing, secret: mask } };
}

/** What a client sends of these; every member may have any form. */
type Given = { target?: unknown; fallback?: unknown; hooks?: unknown; signing?: unknown };

/**
 * Puts the stored value wherever a client sent the mask back, which means "unchanged". A mask that stands for nothing
 * stored (`stored` is null for a task that is created) is a fault with its pointer.
 */
export function unmask<T extends Given>(input: T, stored: Definition | null): Result<T> {
  const errors: FieldError[] = [];
  const missing = (pointer: string): void =>
    void errors.push({
      pointer,
      detail: `is the mask "${mask}", which stands for a stored value, and none is stored here`,
    });
  const member = (holder: unknown, name: string, kept: string | null | undefined, pointer: string): unknown => {
    if (!isObject(holder) || holder[name] !== mask) return holder;
    if (kept == null) missing(`${pointer}/${pointerPart(name)}`);
    return { ...holder, [name]: kept ?? mask };
  };
  const call = (given: unknown, kept: Call | null | undefined, pointer: string): unknown => {
    if (!isObject(given)) return given;
    let { headers } = given;
    if (isObject(headers))
      for (const name of Object.keys(headers))
        headers = member(headers, name, kept?.headers[name.toLowerCase()], `${pointer}/headers`);
    const tls = member(given.tls, 'key', kept?.tls?.key, `${pointer}/tls`);
    let { proxy } = given;
    if (typeof proxy === 'string' && proxy.includes(mask)) {
      // With another host beside the mask it would send the password there.
      if (kept?.proxy !== undefined && proxy === maskUrl(kept.proxy)) proxy = kept.proxy;
      else missing(`${pointer}/proxy`);
    }
    return {
      ...given,
      ...('headers' in given ? { headers } : {}),
      ...('tls' in given ? { tls } : {}),
      ...('proxy' in given ? { proxy } : {}),
    };
  };

  const { target, fallback, hooks, signing } = input;
  const read = {
    ...input,
    ...('target' in input ? { target: call(target, stored?.target, '#/target') } : {}),
    ...('fallback' in input ? { fallback: call(fallback, stored?.fallback, '#/fallback') } : {}),
    ...(isObject(hooks)
      ? {
          hooks: Object.fromEntries(
            Object.entries(hooks).map(([name, hook]) => [
              name,
              call(hook, stored?.hooks?.[name], `#/hooks/${pointerPart(name)}`),
            ]),
          ),
        }
      : {}),
    ...('signing' in input ? { signing: member(signing, 'secret', stored?.signing?.secret, '#/signing') } : {}),
  };
  return errors.length > 0 ? { ok: false, errors } : ok(read);
}

/**
 * A merge patch with the names of headers as they are stored, in lower case: `Authorization` means the stored
 * `authorization`. Where both are given they stay, and are refused later.
 */
export function matchHeaderNames(patch: Record<string, unknown>, stored: Definition): Record<string, unknown> {
  const match = (call: unknown, kept: Call | null | undefined): unknown => {
    if (!isObject(call) || !isObject(call.headers) || !kept) return call;
    const names = Object.keys(call.headers);
    const nameOf = (name: string) => {
      const lower = name.toLowerCase();
      return Object.hasOwn(kept.headers, lower) && !names.includes(lower) ? lower : name;
    };
    return {
      ...call,
      headers: Object.fromEntries(Object.entries(call.headers).map(([name, value]) => [nameOf(name), value])),
    };
  };
  const { target, fallback, hooks } = patch;
  return {
    ...patch,
    ...('target' in patch ? { target: match(target, stored.target) } : {}),
    ...('fallback' in patch ? { fallback: match(fallback, stored.fallback) } : {}),
    ...(isObject(hooks)
      ? {
          hooks: Object.fromEntries(
            Object.entries(hooks).map(([name, hook]) => [name, match(hook, stored.hooks?.[name])]),
          ),
        }
      : {}),
  };
}
