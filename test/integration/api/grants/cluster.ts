/** What the tests of keys and bindings share: a cluster with namespaces, and callers of every role. */

import { SignJWT } from 'jose';
import pg from 'pg';
import supertest from 'supertest';
import { hashOfKey } from '../../../../src/domain/access/key-text.ts';
import { poll } from '../../../poll.ts';
import { createDatabase } from '../../../services/database.ts';
import { atFileEnd } from '../../../services/file-end.ts';
import { startInProcess } from '../../../services/in-process.ts';
import type { Body } from '../client.ts';

const secret = 'a secret of tokens that is long enough for HS256';

/** API_KEYS of these entries, each `name:role` or `name:role:namespace`. The key of `ann` is `the-key-of-ann`. */
export function keysOf(...entries: string[]): string {
  return entries
    .map((entry) => {
      const [name = '', role = '', namespace] = entry.split(':');
      return [name, role, hashOfKey(`the-key-of-${name}`), ...(namespace === undefined ? [] : [namespace])].join(':');
    })
    .join(',');
}

/** Where tokens are signed with the secret of these tests. */
export const tokenSettings = { JWT_SECRET: secret };

export function tokenOf(claims: Body): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5m').sign(Buffer.from(secret));
}

/** A database with these namespaces, and ways to look into it. */
export async function createCluster(...namespaces: string[]) {
  const { url } = await createDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  atFileEnd(() => client.end());
  for (const id of namespaces)
    await client.query('insert into namespaces (id, created_at, updated_at) values ($1, now(), now())', [id]);
  return {
    url,
    async query(text: string, values: unknown[] = []): Promise<Body[]> {
      return (await client.query(text, values)).rows;
    },
  };
}

/** A replica on such a database. Each way to ask takes a credential first. */
export async function startOn(url: string, env: Record<string, string>) {
  const replica = await startInProcess({ env: { DATABASE_URL: url, ...env } });
  const http = supertest(replica.url);
  await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
  const as = (credential: string) => ({ authorization: `Bearer ${credential}` });
  return {
    ...replica,
    get: (credential: string, path: string) => http.get(path).set(as(credential)),
    post: (credential: string, path: string, body: Body) => http.post(path).set(as(credential)).send(body),
    remove: (credential: string, path: string) => http.delete(path).set(as(credential)),
  };
}

export type Asking = Awaited<ReturnType<typeof startOn>>;

/** Every item of a list, read in pages of this size. */
export async function allOf(api: Asking, credential: string, path: string, limit = 2): Promise<Body[]> {
  const items: Body[] = [];
  for (let url = `${path}?limit=${limit}`; url !== ''; ) {
    const { body, headers } = await api.get(credential, url).expect(200);
    items.push(...body.items);
    url = /<(.*)>; rel="next"/.exec(headers.link ?? '')?.[1] ?? '';
  }
  return items;
}
