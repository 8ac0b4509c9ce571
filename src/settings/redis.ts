/** Reads the address of a Redis: one server, a master that Sentinels know, or a Cluster. */

import { ok } from '../errors.ts';
import type { Parse } from './values.ts';

type Node = { readonly host: string; readonly port: number };
type Credentials = { readonly username?: string; readonly password?: string };

/** The address and credentials of a Redis. `tls` holds for every connection, to Sentinels too. */
export type RedisAddress =
  /** As ioredis reads it, options in the query included. */
  | { readonly kind: 'server'; readonly url: string }
  | {
      readonly kind: 'sentinel';
      readonly nodes: readonly Node[];
      /** The name under which the Sentinels watch the master. */
      readonly master: string;
      readonly db: number;
      readonly tls: boolean;
      /** Of the data nodes. */
      readonly credentials: Credentials;
      readonly sentinelCredentials: Credentials;
    }
  | {
      readonly kind: 'cluster';
      readonly nodes: readonly Node[];
      readonly tls: boolean;
      readonly credentials: Credentials;
    };

const refusal = {
  ok: false as const,
  errors: [
    'must be a URL such as redis://host:6379, redis+sentinel://host:26379,host2:26379/master-name or ' +
      'redis+cluster://host:6379,host2:6379 (with TLS: rediss)',
  ],
};

/**
 * Reads `redis[s]://…`, `redis[s]+sentinel://[user:password@]host[:port],…/master-name[/db]` and
 * `redis[s]+cluster://[user:password@]host[:port],…`. The notation with several hosts is the one of the Python world
 * (Redis-Sentinel-Url, redisvl, Prefect): the credentials are those of the data nodes, and `sentinel_username` and
 * `sentinel_password` in the query those of the Sentinels.
 */
export const redisAddress: Parse<RedisAddress> = (input) => {
  const [, base, more] = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/\S+$/i.exec(input) ?? [];
  if (base === undefined) return refusal;
  if (more === undefined) return URL.canParse(input) ? ok({ kind: 'server', url: input }) : refusal;
  const kind = more.toLowerCase() === 'sentinel' ? 'sentinel' : 'cluster';

  const match = /^[^:]+:\/\/(?:(.*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(input);
  const [, login = '', hosts = '', path = '', query = ''] = match ?? [];
  const nodes = hosts.split(',').map((each) => nodeOf(each, kind === 'sentinel' ? 26_379 : 6_379));
  const [username = '', ...password] = login.split(':');
  const credentials = credentialsOf(username, password.join(':'));
  if (match === null || credentials === null || !nodes.every((node) => node !== null)) return refusal;
  const tls = base.toLowerCase() === 'rediss';
  const options = new URLSearchParams(query);
  const known = kind === 'sentinel' ? ['sentinel_username', 'sentinel_password'] : [];
  if (![...options.keys()].every((name) => known.includes(name))) return refusal;

  if (kind === 'cluster')
    // A Cluster has no other database than 0.
    return path === '' || path === '0' ? ok({ kind, nodes, tls, credentials }) : refusal;
  const place = /^([^/]+)(?:\/(\d{1,5})?)?$/.exec(path);
  const master = decoded(place?.[1] ?? '');
  if (!master) return refusal;
  const [sentinelName = '', sentinelPassword = ''] = known.map((name) => options.get(name) ?? '');
  const sentinelCredentials = pair(sentinelName, sentinelPassword);
  return ok({ kind, nodes, master, db: Number(place?.[2] ?? 0), tls, credentials, sentinelCredentials });
};

/** `host`, `host:port` or `[address]:port`; null for anything else. */
function nodeOf(input: string, port: number): Node | null {
  const [, bare, literal, given] = /^(?:([\w.-]+)|\[([\da-f:.]+)\])(?::(\d{1,5}))?$/i.exec(input) ?? [];
  const host = bare ?? literal;
  const number = Number(given ?? port);
  return host === undefined || number < 1 || number > 65_535 ? null : { host, port: number };
}

function credentialsOf(username: string, password: string): Credentials | null {
  const [name, word] = [decoded(username), decoded(password)];
  return name === null || word === null ? null : pair(name, word);
}

function pair(username: string, password: string): Credentials {
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
