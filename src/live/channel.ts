/** The hints of one namespace: paced, numbered, kept for a while, and handed to those who listen. */

import type { Clock } from '../clock.ts';
import { createPacer, type Pacer } from './pacer.ts';
import { addChanges, addOthers, emptyTally, hintOf, type Tally, type Topic, topics, withoutUnnamed } from './tally.ts';

/** One hint. `data` is what those get who follow all tasks. */
export type Hint = { seq: number; topic: Topic; data: string; tally: Tally };

export type Listener = {
  hear(hint: Hint): void;
  /** Hints were lost: everything may have changed. */
  missed(): void;
};

export type Channel = {
  /** Notes changes of a task; of no task where it is null; of tasks that are not known where it is undefined. */
  note(topic: Topic, task: string | null | undefined, count: number): void;
  /** The number of the last hint. */
  position(): number;
  /** The hints after that number; null where not all of them are kept, or there was none with it. */
  since(seq: number): Hint[] | null;
  listeners: Set<Listener>;
  /** Hints were lost: tells all listeners, and forgets the hints before. */
  lose(): void;
  stop(): void;
};

/** So many hints are kept. */
const mostHints = 1_024;
/** So many counts of tasks are kept with them. Of older hints only the named tasks are known then. */
const mostCounts = 5_000;

/** `firstSeq` is the number of its beginning: larger than any number that clients may have from an earlier channel. */
export function createChannel(clock: Pick<Clock, 'after'>, firstSeq: number): Channel {
  const listeners = new Set<Listener>();
  const kept: Hint[] = [];
  /** The number of the hint before the first that is kept. */
  let forgotten = firstSeq;
  let seq = firstSeq;
  let counts = 0;
  /** The place in `kept` from which on all counts are kept. */
  let whole = 0;

  function keep(hint: Hint): void {
    kept.push(hint);
    counts += hint.tally.byTask.size;
    for (; counts > mostCounts && whole < kept.length; whole++) {
      const old = kept[whole] as Hint;
      counts -= old.tally.byTask.size;
      old.tally = withoutUnnamed(old.tally);
    }
    if (kept.length <= mostHints) return;
    const [first] = kept.splice(0, 1) as [Hint];
    forgotten = first.seq;
    if (whole > 0) whole--;
    else counts -= first.tally.byTask.size;
  }

  function send(topic: Topic): void {
    const { tally } = pending[topic];
    pending[topic].tally = emptyTally();
    seq++;
    const hint = { seq, topic, data: hintOf(tally), tally };
    for (const listener of listeners) listener.hear(hint);
    keep(hint);
  }

  const pending = Object.fromEntries(
    topics.map((topic) => [topic, { tally: emptyTally(), pacer: createPacer(clock, () => send(topic)) }]),
  ) as Record<Topic, { tally: Tally; pacer: Pacer }>;

  return {
    note(topic, task, count) {
      const { tally, pacer } = pending[topic];
      if (task === undefined) addOthers(tally, count);
      else addChanges(tally, task, count);
      pacer.mark();
    },
    position: () => seq,
    since(from) {
      if (from < forgotten || from > seq) return null;
      return kept.slice(kept.length - (seq - from));
    },
    listeners,
    lose() {
      seq++;
      kept.length = 0;
      counts = 0;
      whole = 0;
      forgotten = seq;
      for (const listener of listeners) listener.missed();
    },
    stop() {
      for (const { pacer } of Object.values(pending)) pacer.stop();
    },
  };
}
