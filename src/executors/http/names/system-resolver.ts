/** The resolver of this machine: its files and its name servers. */

import { promises } from 'node:dns';
import { readFileSync } from 'node:fs';
import type { Clock } from '../../../clock.ts';
import type { NameQuery } from './look-up.ts';
import { createResolver, type Resolver } from './resolver.ts';

/** A question is asked again after a second, and then less often; with one name server four times. */
const limits = { timeout: 500, tries: 4 };

/** `servers` as `address` or `address:port`; null for those of /etc/resolv.conf. */
export function createSystemResolver(clock: Clock, servers: readonly string[] | null): Resolver {
  return createResolver({
    clock,
    // Small files, read seldom. To read them on a thread would make look-ups wait for those of Postgres and Redis.
    readText: (path) => readFileSync(path, 'utf8'),
    newQuery: () => createQuery(servers),
  });
}

/** c-ares needs no threads. A channel costs 15 µs, and reads /etc/resolv.conf: so a change of that is followed. */
function createQuery(servers: readonly string[] | null): NameQuery {
  const resolver = new promises.Resolver(limits);
  if (servers !== null) resolver.setServers(servers);
  return {
    resolve4: (name) => resolver.resolve4(name, { ttl: true }),
    resolve6: (name) => resolver.resolve6(name, { ttl: true }),
    cancel: () => resolver.cancel(),
  };
}
