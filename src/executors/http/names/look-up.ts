/** One look-up of a name: both families at once, one candidate after the other. */

import type { Clock } from '../../../clock.ts';
import type { ResolvedAddress } from '../connections/race.ts';

/** A query to name servers that serves one look-up only, so that no look-up waits for another. */
export type NameQuery = {
  resolve4(name: string): Promise<AddressRecord[]>;
  resolve6(name: string): Promise<AddressRecord[]>;
  /** Ends the look-up. */
  cancel(): void;
};

/** `ttl` in seconds. */
export type AddressRecord = { address: string; ttl: number };

/** At least one address, and how long they hold. */
export type Found = { addresses: ResolvedAddress[]; ttlMs: number };

/** The first result. `late` is the result of the other family, null when that has answered; it never rejects. */
export type LookedUp = { found: Found; late: Promise<Found | null> | null };

/** After one family has answered the other one is waited for so many milliseconds (RFC 8305 §3). */
const resolutionDelayMs = 50;
/** The most addresses that are used. A zone may hold thousands; trying all of them would be useless. */
const mostAddresses = 64;
/** The errors of c-ares about names that do not exist, have no address, or cannot exist. */
const noSuchCodes: readonly string[] = ['ENOTFOUND', 'ENODATA', 'EBADNAME', 'EBADQUERY'];

/** Whether an error says that the name has no address, rather than that no server answered. */
export function isNoSuchName(error: unknown): boolean {
  return noSuchCodes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * Looks up `host` by asking for its candidates in turn. Rejects with the system's error: that of a name server which
 * failed, where there was one, because then it is not known whether the name exists.
 */
export async function lookUp(
  host: string,
  candidates: readonly string[],
  query: NameQuery,
  clock: Clock,
): Promise<LookedUp> {
  let failure: unknown = null;
  for (const candidate of candidates) {
    try {
      return await bothFamilies(candidate, query, clock);
    } catch (error) {
      // A server that says that it failed is passed over, like one that knows no such name; a silent one is not
      // (resolver(3)).
      if (!isNoSuchName(error)) failure ??= error;
      if (isSilence(error)) break;
    }
  }
  throw resolveError(host, failure ?? { code: 'ENOTFOUND' });
}

function isSilence(error: unknown): boolean {
  return ['ETIMEOUT', 'ECANCELLED', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '');
}

async function bothFamilies(name: string, query: NameQuery, clock: Clock): Promise<LookedUp> {
  const six = query.resolve6(name).then((records) => foundOf(records, 6));
  const four = query.resolve4(name).then((records) => foundOf(records, 4));
  const [first, other] = await Promise.any([
    six.then(() => [six, four] as const),
    four.then(() => [four, six] as const),
  ])
    // Neither family has an address. An error of a server is reported before "no such name", because the name may
    // exist.
    .catch(({ errors }: AggregateError) => {
      throw errors.find((error) => !isNoSuchName(error)) ?? errors[0];
    });
  const late = other.catch(() => null);
  const found = await first;
  const soon = await Promise.race([
    late,
    new Promise<'late'>((resume) => clock.after(resolutionDelayMs, () => resume('late'))),
  ]);
  return soon === 'late' ? { found, late } : { found: merged(found, soon), late: null };
}

/** Of both families IPv6 comes first. */
export function merged(one: Found, other: Found | null): Found {
  if (other === null) return one;
  const addresses = [...one.addresses, ...other.addresses].sort((a, b) => b.family - a.family);
  return { addresses, ttlMs: Math.min(one.ttlMs, other.ttlMs) };
}

function foundOf(records: AddressRecord[], family: number): Found {
  if (records.length === 0) throw Object.assign(new Error('no address'), { code: 'ENODATA' });
  const some = records.slice(0, mostAddresses);
  return {
    addresses: some.map(({ address }) => ({ address, family })),
    ttlMs: Math.min(...some.map(({ ttl }) => ttl)) * 1_000,
  };
}

/** The error as the system's resolver would give it. */
export function resolveError(hostname: string, cause: unknown): Error {
  const { code = 'EAI_FAIL' } = cause as NodeJS.ErrnoException;
  return Object.assign(new Error(`could not resolve ${hostname}`), { code, syscall: 'getaddrinfo', hostname });
}
