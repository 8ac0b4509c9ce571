/** The hints of one namespace: paced, numbered, kept for a while, and handed to those who listen. */

import type { Clock } from '../clock.ts';
import { createPacer, type Pacer, shortestMs } from './pacer.ts';
import { addChanges, addOthers, emptyTally, hintOf, type Tally, type Topic, topics, withoutUnnamed } from './tally.ts';

/** One hint. `data` is what those get who follow all tasks; `wire` the whole event for them, once somebody has made it. */
export type Hint = { seq: number; topic: Topic; data: string; tally: Tally; wire: Uint8Array | null };

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

/**
 * A hint to one listener takes some ten microseconds. So with many listeners the pace is lower, by so many milliseconds
 * for each, and hints of one topic take a hundredth of the time at most; a thousandth while calls wait to be made.
 */
const msPerListener = { usually: 1, busy: 10 };
const longestMs = 2_000;
/** After so many listeners other work may go on before the next. */
const atOnce = 200;

/**
 * `firstSeq` is the number of its beginning: larger than any number that clients may have from an earlier channel.
 * `isBusy` tells whether this process has more urgent work.
 */
export function createChannel(clock: Pick<Clock, 'after'>, firstSeq: number, isBusy: () => boolean): Channel {
  const periodMs = () =>
    Math.min(longestMs, Math.max(shortestMs, listeners.size * msPerListener[isBusy() ? 'busy' : 'usually']));
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
    const hint = { seq, topic, data: hintOf(tally), tally, wire: null };
    hand(hint, [...listeners]);
    keep(hint);
  }

  function hand(hint: Hint, to: readonly Listener[]): void {
    for (const listener of to.slice(0, atOnce)) if (listeners.has(listener)) listener.hear(hint);
    if (to.length > atOnce) clock.after(0, () => hand(hint, to.slice(atOnce)));
  }

  const pending = Object.fromEntries(
    topics.map((topic) => [topic, { tally: emptyTally(), pacer: createPacer(clock, () => send(topic), periodMs) }]),
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
