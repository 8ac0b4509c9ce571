/** Reads and writes namespaces. */

import type { Queryable } from '../postgres/database.ts';

/** Whether there is a namespace of this id in which something can be done. */
export async function namespaceExists(db: Queryable, id: string): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>({
    name: 'namespace-exists',
    text: 'select exists (select from namespaces where id = $1 and not closing) as found',
    values: [id],
  });
  return rows[0]?.found === true;
}
