/** The timetable: the next instant of every active task, in memory, in order. */

import type { MisfireRule } from '../../domain/schedule/misfire.ts';
import { nextOccurrence, type Timing } from '../../domain/schedule/occurrence.ts';
import { effectiveDueTime } from './effective-due-time.ts';
import { createHeap, type Heap, type HeapItem } from './heap.ts';

/** A task in the timetable; `key` is its next occurrence in epoch milliseconds, Infinity when none is left. */
export type Entry = HeapItem & {
  uid: number;
  id: string;
  scheduleVersion: number;
  priority: number;
  limited: boolean;
  timing: Timing;
  /** The rule for an occurrence found later than its grace. Shared between the tasks that say the same. */
  misfire: MisfireRule;
};

/**
 * An occurrence whose time has come. `nextAt` is its task's next one in epoch milliseconds, Infinity when there is
 * none.
 */
export type DueOccurrence = { entry: Entry; instant: number; nextAt: number };

/** A task's occurrences from the first one after `after` up to `upTo`: found later than their grace. */
export type MissedStretch = { entry: Entry; after: number; upTo: number; nextAt: number };

export type Timetable = {
  /** How many tasks it holds. */
  size(): number;
  has(uid: number, scheduleVersion: number): boolean;
  /**
   * Puts a task in, or in place of its earlier schedule version, with its first occurrence after `after`. False when it
   * has none.
   */
  put(task: Omit<Entry, 'key' | 'place'>, after: number): boolean;
  remove(uid: number): void;
  /** Changes members of an entry that do not change when the task is due. */
  adjust(uid: number, to: Pick<Entry, 'priority' | 'misfire' | 'limited'>): void;
  /** The earliest instant of all, or of those that come before `effectiveDueAt` alone; Infinity when there is none. */
  next(effectiveDueAt?: number): number;
  /** At most `limit` of the tasks that are due by this instant, by priority, in no further order. They stay. */
  dueBy(instant: number, limit: number): Entry[];
  /**
   * Takes out at most `limit` of the occurrences up to `now`, in the order in which they are to start: by instant, each
   * step of priority being worth some seconds of waiting. Those beyond their grace come as stretches, however many they
   * are. With an `effectiveDueAt`, only those that come before it. Ends early when `mayGoOn` says no: computing the
   * next occurrence of a rare schedule takes long.
   */
  takeDue(
    now: number,
    limit: number,
    effectiveDueAt?: number,
    mayGoOn?: () => boolean,
  ): { due: DueOccurrence[]; missed: MissedStretch[] };
  /** Takes out this occurrence; null when it is not the task's next any more. */
  takeOne(uid: number, scheduleVersion: number, instant: number): DueOccurrence | null;
};

export function createTimetable(): Timetable {
  /** One for each priority, so that an urgent occurrence is found among any number of less urgent ones. */
  const heaps = new Map<number, Heap<Entry>>();
  const byUid = new Map<number, Entry>();

  function heapOf(priority: number): Heap<Entry> {
    let heap = heaps.get(priority);
    if (heap === undefined) {
      heap = createHeap();
      heaps.set(priority, heap);
    }
    return heap;
  }

  function advance(entry: Entry, after: number): void {
    entry.key = nextOccurrence(entry.timing, after) ?? Infinity;
    // An entry that is never due again needs no place in the order, only in the count.
    if (entry.key === Infinity) heapOf(entry.priority).remove(entry);
    else heapOf(entry.priority).put(entry);
  }

  function earliest(effectiveDueAt = Infinity): number {
    let instant = Infinity;
    for (const [priority, heap] of heaps) {
      const key = heap.first()?.key ?? Infinity;
      if (effectiveDueTime(key, priority) < effectiveDueAt) instant = Math.min(instant, key);
    }
    return instant;
  }

  /** The due occurrence that starts first. */
  function firstDue(now: number, before: number): Entry | undefined {
    let first: Entry | undefined;
    let least = before;
    for (const [priority, heap] of heaps) {
      const entry = heap.first();
      if (entry === undefined || entry.key > now) continue;
      const effectiveDueAt = effectiveDueTime(entry.key, priority);
      if (effectiveDueAt >= least) continue;
      least = effectiveDueAt;
      first = entry;
    }
    return first;
  }

  return {
    size: () => byUid.size,
    has: (uid, scheduleVersion) => byUid.get(uid)?.scheduleVersion === scheduleVersion,
    put(task, after) {
      this.remove(task.uid);
      const { uid, id, scheduleVersion, priority, limited, timing, misfire } = task;
      // Each member by its name: V8 makes copies with `...` of ever new shapes, and code that reads ten thousand of
      // them takes six times as long.
      const entry: Entry = { key: Infinity, place: -1, uid, id, scheduleVersion, priority, limited, timing, misfire };
      byUid.set(entry.uid, entry);
      advance(entry, after);
      return entry.key !== Infinity;
    },
    remove(uid) {
      const entry = byUid.get(uid);
      if (!entry) return;
      byUid.delete(uid);
      heapOf(entry.priority).remove(entry);
    },
    adjust(uid, { priority, misfire, limited }) {
      const entry = byUid.get(uid);
      if (!entry) return;
      if (entry.priority !== priority) heapOf(entry.priority).remove(entry);
      Object.assign(entry, { priority, misfire, limited });
      if (entry.key !== Infinity) heapOf(priority).put(entry);
    },
    next: earliest,
    dueBy(instant, limit) {
      const entries: Entry[] = [];
      const urgentFirst = [...heaps].sort(([a], [b]) => b - a);
      for (const [, heap] of urgentFirst)
        for (const entry of heap.upTo(instant, limit - entries.length)) entries.push(entry);
      return entries;
    },
    takeDue(now, limit, before = Infinity, mayGoOn = () => true) {
      const due: DueOccurrence[] = [];
      const missed: MissedStretch[] = [];
      for (
        let entry = firstDue(now, before);
        entry && due.length + missed.length < limit;
        entry = firstDue(now, before)
      ) {
        const instant = entry.key;
        const graceEnd = now - entry.misfire.graceMs;
        if (instant < graceEnd) {
          advance(entry, graceEnd - 1);
          missed.push({ entry, after: instant - 1, upTo: graceEnd - 1, nextAt: entry.key });
        } else {
          advance(entry, instant);
          due.push({ entry, instant, nextAt: entry.key });
        }
        if (!mayGoOn()) break;
      }
      return { due, missed };
    },
    takeOne(uid, scheduleVersion, instant) {
      const entry = byUid.get(uid);
      if (entry?.scheduleVersion !== scheduleVersion || entry.key !== instant) return null;
      advance(entry, instant);
      return { entry, instant, nextAt: entry.key };
    },
  };
}
