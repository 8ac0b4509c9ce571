/** Reads and writes the sessions of browsers, and the sign-ins that were used up. */

import type { Grant } from '../../domain/access/grants.ts';
import type { Queryable } from '../postgres/database.ts';
import type { FilledRow, Row } from '../rows.ts';
import type { sessions } from './schema.ts';

/** A session as it is begun. Instants are epoch milliseconds. `refreshToken` is sealed. */
export type NewSession = {
  hash: string;
  subject: string;
  groups: readonly string[];
  keyHash: string | null;
  at: number;
  endsAt: number;
  refreshToken: string | null;
};

/**
 * A session as a request is checked with it. `grants` are those of the bindings of its person, or of its key where that
 * is one of the database and has not expired.
 */
export type FoundSession = {
  subject: string;
  groups: readonly string[];
  keyHash: string | null;
  usedAt: number;
  endsAt: number;
  /** When the groups were read; null where they are never read anew. */
  groupsAt: number | null;
  grants: readonly Grant[];
};

const iso = (at: number) => new Date(at).toISOString();

export async function insertSession(db: Queryable, session: NewSession): Promise<void> {
  const { hash, subject, groups, keyHash, at, endsAt, refreshToken } = session;
  await db.query({
    name: 'insert-session',
    text: `
      insert into sessions (hash, subject, groups, key_hash, created_at, used_at, ends_at, groups_at, refresh_token)
      values ($1, $2, $3, $4, $5, $5, $6, case when $7::text is not null then $5::timestamptz end, $7)`,
    values: [hash, subject, JSON.stringify(groups), keyHash, iso(at), iso(endsAt), refreshToken],
  });
}

/** The sessions of some hashes, by hash, those that are over too. */
export async function findSessions(
  db: Queryable,
  hashes: readonly string[],
  now: number,
): Promise<Map<string, FoundSession>> {
  const { rows } = await db.query<
    Row<typeof sessions, 'hash' | 'subject' | 'groups' | 'key_hash' | 'used_at' | 'ends_at' | 'groups_at'> & {
      grants: Grant[];
    }
  >({
    name: 'find-sessions',
    text: `
      select s.hash, s.subject, s.groups, s.key_hash, s.used_at, s.ends_at, s.groups_at, g.grants
      from sessions s
      cross join lateral (
        select coalesce(json_agg(json_build_object('role', held.role, 'namespace', held.namespace)), '[]') as grants
        from (
          select role, namespace from keys
          where hash = s.key_hash and (expires_at is null or expires_at > $2)
          union all
          select role, namespace from bindings
          where s.key_hash is null and subject = any (
            array(select 'group:' || name from jsonb_array_elements_text(s.groups) name) || s.subject
          )
        ) held
      ) g
      where s.hash = any($1)`,
    values: [hashes, iso(now)],
  });
  return new Map(
    rows.map(({ hash, subject, groups, key_hash, used_at, ends_at, groups_at, grants }) => [
      hash,
      {
        ...{ subject, groups, keyHash: key_hash, grants },
        usedAt: used_at.getTime(),
        endsAt: ends_at.getTime(),
        groupsAt: groups_at?.getTime() ?? null,
      },
    ]),
  );
}

/** Writes down that a session is used. */
export async function noteUse(db: Queryable, hash: string, at: number): Promise<void> {
  await db.query({
    name: 'note-session-use',
    text: 'update sessions set used_at = $2 where hash = $1 and used_at < $2',
    values: [hash, iso(at)],
  });
}

/** Ends a session. Whose it was; null where there is none. */
export async function endSession(
  db: Queryable,
  hash: string,
): Promise<Pick<FoundSession, 'subject' | 'keyHash'> | null> {
  const { rows } = await db.query<Row<typeof sessions, 'subject' | 'key_hash'>>(
    'delete from sessions where hash = $1 returning subject, key_hash',
    [hash],
  );
  return rows[0] ? { subject: rows[0].subject, keyHash: rows[0].key_hash } : null;
}

/** Ends all sessions of a person, or of a key. */
export async function endAllSessions(
  db: Queryable,
  { subject, keyHash }: Pick<FoundSession, 'subject' | 'keyHash'>,
): Promise<void> {
  await db.query('delete from sessions where subject = $1 and key_hash is not distinct from $2', [subject, keyHash]);
}

/** Ends the sessions of all people who have no role any more, by a binding of their own or of a group. */
export async function endSessionsWithoutRole(db: Queryable): Promise<void> {
  await db.query({
    name: 'end-sessions-without-role',
    text: `
      delete from sessions s where key_hash is null and not exists (
        select from bindings where subject = any (
          array(select 'group:' || name from jsonb_array_elements_text(s.groups) name) || s.subject
        )
      )`,
  });
}

/**
 * Takes on reading the groups of a session anew, where they were read before `staleBefore`: one replica does it.
 * `triedAt` is the instant of the groups until they are here. Null where there is nothing to do.
 */
export async function takeGroups(
  db: Queryable,
  hash: string,
  { staleBefore, triedAt }: { staleBefore: number; triedAt: number },
): Promise<{ subject: string; refreshToken: string } | null> {
  const { rows } = await db.query<FilledRow<typeof sessions, 'subject' | 'refresh_token'>>(
    `update sessions set groups_at = $3
     where hash = $1 and groups_at < $2 and refresh_token is not null returning subject, refresh_token`,
    [hash, iso(staleBefore), iso(triedAt)],
  );
  return rows[0] ? { subject: rows[0].subject, refreshToken: rows[0].refresh_token } : null;
}

/** Writes groups that were read anew. Groups and a sealed refresh token that are null stay as they were. */
export async function writeGroups(
  db: Queryable,
  hash: string,
  { groups, refreshToken, at }: { groups: readonly string[] | null; refreshToken: string | null; at: number },
): Promise<void> {
  await db.query(
    `update sessions
     set groups = coalesce($2, groups), refresh_token = coalesce($3, refresh_token), groups_at = $4 where hash = $1`,
    [hash, groups && JSON.stringify(groups), refreshToken, iso(at)],
  );
}

/** Uses up the state of a sign-in; false where it was used before. It is kept until `endsAt`. */
export async function useState(db: Queryable, hash: string, endsAt: number): Promise<boolean> {
  const { rowCount } = await db.query('insert into sign_ins (hash, ends_at) values ($1, $2) on conflict do nothing', [
    hash,
    iso(endsAt),
  ]);
  return rowCount === 1;
}

/** Forgets sessions and sign-ins that ended before `now`, or that nobody used since `usedBefore`. */
export async function forgetSessions(db: Queryable, now: number, usedBefore: number): Promise<void> {
  await db.query('delete from sessions where ends_at <= $1 or used_at <= $2', [iso(now), iso(usedBefore)]);
  await db.query('delete from sign_ins where ends_at <= $1', [iso(now)]);
}
