/** The table of the audit, as drizzle sees it. */

import { bigint, index, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { instant } from '../column-types.ts';

/**
 * Every change by a caller, every sign-in and every refused attempt. Rows are only added, and deleted with age. The
 * trigger `note_changes` adds those of tasks and runs, from their events.
 */
export const audit = pgTable(
  'audit',
  {
    id: bigint('id', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    /** `*` for what belongs to no namespace. */
    namespace: text('namespace').notNull(),
    at: instant('at').notNull(),
    /** `task.updated`, `key.created`, `sign_in` and others. */
    type: text('type').notNull(),
    /** The kind and the name of the object: `task:nightly-report`; null where there is none. */
    subject: text('subject'),
    actor: text('actor').notNull(),
    via: text('via').notNull(),
    address: text('address'),
    requestId: text('request_id'),
    /** What changed, without credentials. */
    data: jsonb('data').$type<Record<string, unknown>>(),
  },
  (t) => [
    primaryKey({ columns: [t.at, t.id] }),
    index('audit_namespace').on(t.namespace, t.type, t.at, t.id),
    index('audit_actor').on(t.actor, t.namespace, t.type, t.at, t.id),
    // The actor is in it so that entries of other actors are passed over in the index.
    index('audit_subject').on(t.subject, t.namespace, t.type, t.at, t.id, t.actor),
  ],
);
