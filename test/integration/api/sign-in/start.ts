/** What the tests of sign-in share: a replica with an issuer, and its database. */

import { createHash } from 'node:crypto';
import pg from 'pg';
import { atFileEnd } from '../../../services/file-end.ts';
import { type Body, startApi } from '../client.ts';

export const publicUrl = 'https://punctual.example';
const ownerKey = 'the-owners-key';

type Client = { issuer: string; clientId: string; clientSecret: string };

/** The settings of a replica whose people sign in with this issuer. */
function signInSettings({ issuer, clientId, clientSecret }: Client, more: Record<string, string> = {}) {
  return {
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: clientId,
    OIDC_CLIENT_SECRET: clientSecret,
    PUBLIC_URL: publicUrl,
    API_KEYS: `boss:admin:${createHash('sha256').update(ownerKey).digest('hex')}`,
    ...more,
  };
}

export async function startSignInApi(client: Client, more: Record<string, string> = {}) {
  const api = await startApi(signInSettings(client, more));
  return { api, ...(await lookInto(api.database.url)) };
}

/** Short ways into a database. */
export async function lookInto(connectionString: string) {
  const db = new pg.Client({ connectionString });
  await db.connect();
  atFileEnd(() => db.end());
  return {
    db,
    async bind(subject: string, role: string, namespace = '*'): Promise<string> {
      const { rows } = await db.query(
        `insert into bindings (id, subject, role, namespace, created_at, created_by)
         values (gen_random_uuid(), $1, $2, $3, now(), 'test') returning id`,
        [subject, role, namespace],
      );
      return rows[0].id;
    },
    /** The last entry of a type in the audit. */
    async audit(type: string): Promise<Body> {
      const { rows } = await db.query('select * from audit where type = $1 order by id desc limit 1', [type]);
      return rows[0] ?? {};
    },
  };
}
