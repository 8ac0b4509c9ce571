/** Keeps the rules of all namespaces in memory, and follows every committed change of them. */

import type { NamespaceRules, Namespaces } from '../../domain/access/namespace-rules.ts';
import { beforeAllNamespaces, readNamespaceChanges } from '../../store/access/namespace-feed.ts';
import type { Queryable } from '../../store/postgres/database.ts';

/** Empty until the first `refresh`. To be refreshed once a second, and after each signal of a change. */
export function createNamespaceView(db: Queryable): Namespaces {
  const rules = new Map<string, NamespaceRules>();
  const listeners: ((ids: readonly string[]) => void)[] = [];
  let position = beforeAllNamespaces;
  let reading: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  async function follow(): Promise<void> {
    let read = await readNamespaceChanges(db, position);
    const before = [...rules.keys()];
    const take = () => {
      for (const each of read.changed) rules.set(each.id, each);
    };
    take();
    // A row that is gone tells nothing: only the number of rows shows that one is missing.
    if (rules.size !== read.total) {
      read = await readNamespaceChanges(db, beforeAllNamespaces);
      rules.clear();
      take();
    }
    position = read.position;
    const gone = before.filter((id) => !rules.has(id));
    const touched = [...gone, ...read.changed.map(({ id }) => id)];
    if (touched.length > 0) for (const listener of listeners) listener(touched);
  }

  function read(): Promise<void> {
    reading = follow().finally(() => {
      reading = null;
    });
    return reading;
  }

  /** A reading that is under way may have begun before the change that the caller asks for. */
  function refresh(): Promise<void> {
    if (reading === null) return read();
    next ??= reading
      .catch(() => {})
      .then(() => {
        next = null;
        return read();
      });
    return next;
  }

  return {
    rulesOf: (id) => rules.get(id) ?? null,
    weightOf: (id) => rules.get(id)?.weight ?? 1,
    async learn(id) {
      if (!rules.has(id)) await refresh();
      return rules.get(id) ?? null;
    },
    refresh,
    closing: () => [...rules.values()].flatMap(({ id, closing }) => (closing ? [id] : [])),
    onChange: (listener) => void listeners.push(listener),
  };
}
