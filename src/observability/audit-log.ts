/** The log lines of the audit: one for each entry, with the members that `GET /audit` shows. */

import type { Logger } from './log.ts';

type Entry = {
  namespace: string;
  type: string;
  subject: string | null;
  author: { actor: string; via: string | null; address: string | null; requestId: string | null };
  data: Record<string, unknown> | null;
};

/** A function that writes the line of an entry. */
export function auditLog(log: Pick<Logger, 'info'>): (entry: Entry) => void {
  return ({ namespace, type, subject, author, data }) => {
    const { actor, via, address, requestId } = author;
    log.info({ audit: true, type, actor, via, requestId, address, namespace, subject, changes: data }, type);
  };
}
