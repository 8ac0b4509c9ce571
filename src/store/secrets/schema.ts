/** The tables of secrets and of the tasks that use them, as drizzle sees them. */

import { bigint, customType, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { instant } from '../column-types.ts';

const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

export const secrets = pgTable(
  'secrets',
  {
    namespace: text('namespace').notNull(),
    name: text('name').notNull(),
    /** Counts the values that it has had. */
    version: integer('version').notNull(),
    description: text('description'),
    /** The value, encrypted with the data key: nonce, ciphertext and tag, one after the other. */
    value: bytes('value').notNull(),
    /** The data key, encrypted with a key of the settings, in the same form. */
    dataKey: bytes('data_key').notNull(),
    /** Which key of the settings that was: the first 16 hex digits of its SHA-256. */
    wrappedBy: text('wrapped_by').notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    lastUsedAt: instant('last_used_at'),
  },
  (t) => [primaryKey({ columns: [t.namespace, t.name] })],
);

/** Which tasks use a secret. Rows of deleted tasks stay until the tombstones go. */
export const secretUses = pgTable(
  'secret_uses',
  {
    namespace: text('namespace').notNull(),
    name: text('name').notNull(),
    taskUid: bigint('task_uid', { mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.namespace, t.name, t.taskUid] }), index('secret_uses_task').on(t.taskUid)],
);
