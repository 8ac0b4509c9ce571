/** The callers of the table of access: every role in every kind of namespace, and credentials that open nothing. */

import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Grant } from '../../../../src/domain/access/grants.ts';
import { roles } from '../../../../src/domain/access/role.ts';

const secret = 'a secret of tokens that is long enough for HS256';
const issuer = 'https://issuer.example';

/** The namespaces that exist beside `default`. */
export const own = 'billing';
export const foreign = 'payroll';

/**
 * `credential` goes into `Authorization: Bearer`, or where it is that of a `session` into the cookie; none without one.
 * A session comes from a page of this service, or from another `page`: of another origin, or of one that is not told.
 */
export type Caller = {
  name: string;
  credential: string | null;
  grants: readonly Grant[];
  session?: true;
  page?: 'foreign' | 'untold';
};

const grants: readonly Grant[] = [
  ...[own, 'default'].flatMap((namespace) =>
    roles.filter((role) => role !== 'owner').map((role) => ({ role, namespace })),
  ),
  ...roles.map((role) => ({ role, namespace: '*' })),
];

const nameOf = ({ role, namespace }: Grant) => `${role}-${namespace === '*' ? 'everywhere' : namespace}`;
const keyOf = (grant: Grant) => `the key of ${nameOf(grant)}`.replaceAll(' ', '-');

/** A key of the settings cannot be an admin's of all namespaces: without a namespace that is the owner. */
const hasKey = ({ role, namespace }: Grant) => role !== 'admin' || namespace !== '*';

/** The settings that make the callers known. */
export const settings = {
  API_KEYS: grants
    .filter(hasKey)
    .map((grant) => {
      const hash = createHash('sha256').update(keyOf(grant)).digest('hex');
      const end = grant.namespace === '*' ? '' : `:${grant.namespace}`;
      return `${nameOf(grant)}:${grant.role}:${hash}${end}`;
    })
    .join(','),
  JWT_SECRET: secret,
  JWT_ISSUER: issuer,
  JWT_AUDIENCE: 'punctual',
};

/** What the database knows of callers: keys, of which one has expired, and the bindings of people. */
export const stored = {
  keys: grants.map((grant, place) => ({ ...grant, name: nameOf(grant), text: storedKey(place), isExpired: false })),
  expired: { role: 'owner', namespace: '*', name: 'expired', text: storedKey(98), isExpired: true },
  bindings: grants.map((grant) => ({ ...grant, subject: `user:${nameOf(grant)}` })),
};

const everyHour = 3_600_000;
const person = (place: number) => ({ subject: `user:${nameOf(grants[place] as Grant)}`, key: null });

/** Sessions, of people and of keys of the database, by what was last known of them; `usedAgo` and `endsIn` in ms. */
const sessionsOf = {
  ...Object.fromEntries(
    grants.map((grant, place) => [
      `a session of ${grant.role} in ${grant.namespace}`,
      // Every second of a person, the others of a key.
      { ...(place % 2 === 0 ? person(place) : { subject: `key:${nameOf(grant)}`, key: storedKey(place) }), grant },
    ]),
  ),
} as Record<string, { subject: string; key: string | null; grant: Grant }>;

/** Sessions that open nothing any more. */
const endedSessions: Record<string, { subject: string; key: string | null; usedAgo?: number; endsIn?: number }> = {
  'a session that nobody used': { ...person(0), usedAgo: 12 * everyHour },
  'a session of seven days': { ...person(0), endsIn: 0 },
  'a session of a deleted key': { subject: 'key:gone', key: storedKey(99) },
  'a session of an expired key': { subject: 'key:expired', key: storedKey(98) },
  'a session of somebody without a role': { subject: 'user:nobody', key: null },
};

/** The rows of all sessions; the id in the cookie is the name of the caller, with hyphens. */
export const storedSessions = Object.entries({ ...sessionsOf, ...endedSessions }).map(([name, session]) => ({
  ...{ name, id: cookieOf(name), subject: session.subject, key: session.key },
  usedAgo: ('usedAgo' in session ? session.usedAgo : undefined) ?? 0,
  endsIn: ('endsIn' in session ? session.endsIn : undefined) ?? everyHour,
}));

function cookieOf(name: string): string {
  return name.replaceAll(' ', '-').replace('*', 'all');
}

/** Everybody with a session. */
export function signedInByCookie(): Caller[] {
  return Object.entries(sessionsOf).map(([name, { grant }]) => ({
    ...{ name, credential: cookieOf(name), grants: [grant], session: true },
  }));
}

/** Sessions that are over, and one that never was. */
export function endedByCookie(): Caller[] {
  return [...Object.keys(endedSessions), 'a session that was ended'].map((name) => ({
    ...{ name, credential: cookieOf(name), grants: [], session: true },
  }));
}

/** A text that a key of the database can have. */
function storedKey(place: number): string {
  return `pk_${String(place).padStart(43, '0')}`;
}

type Claims = { sub?: string; role?: string; namespace?: string; iss?: string; aud?: string; exp?: number };

/** A token as the settings want it, but for `change`. */
function token(change: Claims, signedWith = secret): Promise<string> {
  return new SignJWT({ sub: 'alice', iss: issuer, aud: 'punctual', ...change })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(change.exp ?? '10m')
    .sign(Buffer.from(signedWith));
}

/** Everybody who may do something, by each way to sign in. */
export async function signedIn(): Promise<Caller[]> {
  const keys = grants.filter(hasKey).map((grant) => ({
    ...{ name: `the key of ${grant.role} in ${grant.namespace}`, credential: keyOf(grant), grants: [grant] },
  }));
  const tokens = grants.map(async (grant) => ({
    ...{ name: `a token of ${grant.role} in ${grant.namespace}`, credential: await token(grant), grants: [grant] },
  }));
  // Every second by a key of the database, the others by a token of somebody who has a binding.
  const others = grants.map(async (grant, place) =>
    place % 2 === 0
      ? { name: `a stored key of ${grant.role} in ${grant.namespace}`, credential: storedKey(place), grants: [grant] }
      : {
          name: `a token of who is bound to ${grant.role} in ${grant.namespace}`,
          credential: await token({ sub: nameOf(grant) }),
          grants: [grant],
        },
  );
  return [...keys, ...(await Promise.all(tokens)), ...(await Promise.all(others))];
}

/** No credential, and those that open nothing: wrong, expired, made by or for somebody else. */
export async function strangers(): Promise<Caller[]> {
  const admin = { role: 'admin', namespace: '*' };
  const credentials: Record<string, string | null> = {
    'no credential': null,
    'a wrong key': 'the-key-of-nobody',
    'the name of a key': 'owner-everywhere',
    'the hash of a key': createHash('sha256').update('the-key-of-owner-everywhere').digest('hex'),
    'an expired key': stored.expired.text,
    'a key that was deleted': storedKey(99),
    'an expired token': await token({ ...admin, exp: Math.floor(Date.now() / 1_000) - 60 }),
    'a token that somebody else signed': await token(admin, `another ${secret}`),
    'a token of another issuer': await token({ ...admin, iss: 'https://other.example' }),
    'a token for another audience': await token({ ...admin, aud: 'other' }),
  };
  return Object.entries(credentials).map(([name, credential]) => ({ name, credential, grants: [] }));
}
