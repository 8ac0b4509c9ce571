/** The tables of namespaces, keys, bindings and sessions, as drizzle sees them. */

import { sql } from 'drizzle-orm';
import { boolean, index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import type { Quotas } from '../../domain/access/quotas.ts';
import type { Role } from '../../domain/access/role.ts';
import { instant, xid8 } from '../column-types.ts';

export const namespaces = pgTable(
  'namespaces',
  {
    id: text('id').primaryKey(),
    description: text('description'),
    labels: jsonb('labels').$type<Record<string, string>>().notNull().default({}),
    /** Only the quotas that are set. */
    quotas: jsonb('quotas').$type<Partial<Quotas>>().notNull().default({}),
    /** How many turns it takes while others take one. */
    weight: integer('weight').notNull().default(1),
    /** CIDRs and hosts that its targets may only, or may not, reach, beside the settings; null adds nothing. */
    targetAllow: jsonb('target_allow').$type<string[]>(),
    targetDeny: jsonb('target_deny').$type<string[]>(),
    /** Set while it is being deleted: nothing can be created in it any more. */
    closing: boolean('closing').notNull().default(false),
    /** Whether all that it holds is deleted with it. Otherwise it is opened again where a task came meanwhile. */
    cascading: boolean('cascading').notNull().default(false),
    /** Set while tasks of it may be marked with `in_quota`: so long the marks are compared with the quota. */
    hasMarkedTasks: boolean('has_marked_tasks').notNull().default(false),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    /** The transaction that wrote the row last. */
    changedIn: xid8('changed_in').notNull().default(sql`pg_current_xact_id()`),
  },
  (t) => [index('namespaces_changed_in').on(t.changedIn)],
);

/** API keys that were made by request. Those of the settings stand in no table. */
export const keys = pgTable(
  'keys',
  {
    id: uuid('id').primaryKey(),
    /** Unique inside the namespace. */
    name: text('name').notNull(),
    role: text('role').$type<Role>().notNull(),
    /** `*` for all namespaces. */
    namespace: text('namespace').notNull(),
    /** The SHA-256 of the key, in lower-case hex. */
    hash: text('hash').notNull().unique('keys_hash'),
    createdAt: instant('created_at').notNull(),
    createdBy: text('created_by').notNull(),
    /** Null for a key that does not expire. */
    expiresAt: instant('expires_at'),
    lastUsedAt: instant('last_used_at'),
  },
  (t) => [unique('keys_name').on(t.namespace, t.name)],
);

/** The roles of people and groups. */
export const bindings = pgTable(
  'bindings',
  {
    id: uuid('id').primaryKey(),
    /** `user:ann@example.org` or `group:ops`. */
    subject: text('subject').notNull(),
    role: text('role').$type<Role>().notNull(),
    /** `*` for all namespaces. */
    namespace: text('namespace').notNull(),
    createdAt: instant('created_at').notNull(),
    createdBy: text('created_by').notNull(),
  },
  (t) => [unique('bindings_subject').on(t.subject, t.namespace, t.role)],
);

/** Sessions of browsers. */
export const sessions = pgTable(
  'sessions',
  {
    /** The SHA-256 of the opaque id in the cookie, in lower-case hex. */
    hash: text('hash').primaryKey(),
    /** The person, `user:ann@example.org`, or the key that it was exchanged for, `key:ci`. */
    subject: text('subject').notNull(),
    /** The groups of the person, as the issuer told them last. */
    groups: jsonb('groups').$type<string[]>().notNull().default([]),
    /** The SHA-256 of the key that it stands on; null for a person. */
    keyHash: text('key_hash'),
    createdAt: instant('created_at').notNull(),
    usedAt: instant('used_at').notNull(),
    /** When it ends at the latest. */
    endsAt: instant('ends_at').notNull(),
    /** When the groups were read; null where they are never read anew. */
    groupsAt: instant('groups_at'),
    /** Encrypted; null where the issuer gave none. */
    refreshToken: text('refresh_token'),
  },
  (t) => [index('sessions_subject').on(t.subject), index('sessions_ends').on(t.endsAt)],
);

/** Sign-ins that came back from the issuer: each works once. */
export const signIns = pgTable('sign_ins', {
  /** The SHA-256 of the state, in lower-case hex. */
  hash: text('hash').primaryKey(),
  /** From then on the sign-in is too old in any case. */
  endsAt: instant('ends_at').notNull(),
});
