/**
 * Whose turn it is: namespaces take turns where their due runs wait, in proportion to their weights.
 *
 * Start-time fair queueing. Each namespace has a virtual time; the one with the least is next. A run that it gets moves
 * its time on by 1 / weight. A namespace that had nothing to do begins at the time of the last turn: it gets nothing for
 * the past, and is not behind either.
 */

/** The weight of a namespace: positive, 1 where nobody gave it one. */
export type WeightOf = (namespace: string) => number;

export type Turns = {
  /** The virtual time of a namespace. The least is next; where two have the same, the caller decides. */
  at(namespace: string): number;
  /** How much a run moves the time of a namespace on. */
  step(namespace: string): number;
  /** Notes that the namespace, which was next, got `count` runs. */
  took(namespace: string, count?: number): void;
};

/** With so many namespaces, or more, those are forgotten that have nothing to make up for. */
const leastToForget = 64;

export function createTurns(weightOf: WeightOf): Turns {
  /** When the next run of a namespace may start, where that is later than now. */
  const times = new Map<string, number>();
  let now = 0;
  let forgetAt = leastToForget;

  const at = (namespace: string) => Math.max(times.get(namespace) ?? 0, now);
  const step = (namespace: string) => 1 / weightOf(namespace);

  return {
    at,
    step,
    took(namespace, count = 1) {
      if (count === 0) return;
      const from = at(namespace);
      const by = step(namespace);
      // The start of its last run.
      now = Math.max(now, from + (count - 1) * by);
      times.set(namespace, from + count * by);
      if (times.size < forgetAt) return;
      for (const [each, time] of times) if (time <= now) times.delete(each);
      forgetAt = Math.max(leastToForget, 2 * times.size);
    },
  };
}

/** A namespace in a list: `line` are its items, of which `next` comes next and those from `end` on do not come. */
type Line<T> = { line: T[]; next: number; end: number; at: number; step: number };

/**
 * At most `most` of `items`, in turns of their namespaces; within a namespace in the order given, and no more than `room`
 * says. Nothing is noted: the caller knows what becomes of them.
 */
export function inTurns<T>(
  items: readonly T[],
  namespaceOf: (item: T) => string,
  turns: Pick<Turns, 'at' | 'step'>,
  most = items.length,
  room: (namespace: string) => number = () => Infinity,
): T[] {
  const lines = new Map<string, T[]>();
  for (const item of items) {
    const namespace = namespaceOf(item);
    const line = lines.get(namespace);
    if (line) line.push(item);
    else lines.set(namespace, [item]);
  }
  const waiting = [...lines].map(([namespace, line]): Line<T> => {
    const end = Math.min(line.length, room(namespace));
    return { line, next: 0, end, at: turns.at(namespace), step: turns.step(namespace) };
  });
  const taken: T[] = [];
  while (taken.length < most) {
    let first: Line<T> | null = null;
    for (const each of waiting) if (each.next < each.end && (first === null || each.at < first.at)) first = each;
    if (first === null) break;
    taken.push(first.line[first.next++] as T);
    first.at += first.step;
  }
  return taken;
}
