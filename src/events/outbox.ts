/**
 * Hands events to their subscribers.
 *
 *   transaction of the change ── row in `events` ── signal or poll ── the outbox of any replica ── each subscriber
 *
 * A subscriber is one value. It takes note of events in the transaction that marks them as read; its work for them
 * comes later and is its own.
 */

import { type OutboxEvent, readOutbox, subscribersWithNews } from '../store/events/outbox.ts';
import type { Database, Queryable } from '../store/postgres/database.ts';

export type Subscriber = {
  /** The name under which its position is stored. */
  name: string;
  /** The types of the events that it is given. */
  types: readonly string[];
  /** Takes note of events, ordered by id, in the transaction that marks them as read. At most `pageSize` at once. */
  take(db: Queryable, events: readonly OutboxEvent[]): Promise<void>;
};

export type OutboxOptions = {
  database: Database;
  subscribers: readonly Subscriber[];
  /** A subscriber took note of something. */
  onTaken: (name: string) => void;
};

const pollMs = 1_000;
const pageSize = 1_000;

/** The step of the outbox's loop. Replicas take turns: a row lock lets one at a time read for a subscriber. */
export function createOutboxStep({ database, subscribers, onTaken }: OutboxOptions): () => Promise<number> {
  const names = subscribers.map(({ name }) => name);
  return async () => {
    const withNews = new Set(await subscribersWithNews(database.pool, names));
    let anyMore = false;
    for (const { name, types, take } of subscribers) {
      if (!withNews.has(name)) continue;
      const { count, more } = await readOutbox(database, { name, types, limit: pageSize }, take);
      if (count > 0) onTaken(name);
      anyMore ||= more;
    }
    return anyMore ? 0 : pollMs;
  };
}
