/** The timetable: the next instant of every active task, in memory, in order. */

import { createHeap, type Heap, type HeapItem } from '../../domain/heap.ts';
import type { MisfireRule } from '../../domain/schedule/misfire.ts';
import { nextOccurrence, type Timing } from '../../domain/schedule/occurrence.ts';
import { effectiveDueTime } from './effective-due-time.ts';

/** A task in the timetable; `key` is its next occurrence in epoch milliseconds, Infinity when none is left. */
export type Entry = HeapItem & {
  uid: number;
  id: string;
  /** One text for all entries of a namespace. */
  namespace: string;
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

/** The effective due time, in epoch milliseconds, that the occurrences of a namespace have to come before. */
export type Bound = (namespace: string) => number;

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
  /** The tasks of a namespace that have an occurrence left, in no order. */
  tasksOf(namespace: string): Entry[];
  /** Whether it holds tasks of more than one namespace. */
  isShared(): boolean;
  /** The earliest instant of all, or of those alone that come before `bound`; Infinity when there is none. */
  next(bound?: Bound): number;
  /**
   * At most `limit` of the tasks that are due by this instant, by priority, in no further order. They stay. Namespaces
   * get equal parts of `limit`, as far as they have tasks.
   */
  dueBy(instant: number, limit: number): Entry[];
  /**
   * Takes out at most `limit` of the occurrences up to `now`, of each namespace in the order in which they are to start:
   * by instant, each step of priority being worth some seconds of waiting. Namespaces get one in turn. Those beyond their
   * grace come as stretches, however many they are. With a `bound`, only those that come before it. Ends early when
   * `mayGoOn` says no: computing the next occurrence of a rare schedule takes long.
   */
  takeDue(
    now: number,
    limit: number,
    bound?: Bound,
    mayGoOn?: () => boolean,
  ): { due: DueOccurrence[]; missed: MissedStretch[] };
  /** Takes out this occurrence; null when it is not the task's next any more. */
  takeOne(uid: number, scheduleVersion: number, instant: number): DueOccurrence | null;
};

/** The entries of one namespace. */
type Part = {
  namespace: string;
  /** How many tasks it has. */
  tasks: number;
  /** One for each priority, so that an urgent occurrence is found among any number of less urgent ones. */
  heaps: Map<number, Heap<Entry>>;
};

const unbounded: Bound = () => Infinity;

export function createTimetable(): Timetable {
  const parts = new Map<string, Part>();
  const byUid = new Map<number, Entry>();

  function partOf(namespace: string): Part {
    let part = parts.get(namespace);
    if (part === undefined) {
      part = { namespace, tasks: 0, heaps: new Map() };
      parts.set(namespace, part);
    }
    return part;
  }

  function heapOf({ heaps }: Part, priority: number): Heap<Entry> {
    let heap = heaps.get(priority);
    if (heap === undefined) {
      heap = createHeap();
      heaps.set(priority, heap);
    }
    return heap;
  }

  function advance(entry: Entry, after: number): void {
    entry.key = nextOccurrence(entry.timing, after) ?? Infinity;
    const heap = heapOf(partOf(entry.namespace), entry.priority);
    // An entry that is never due again needs no place in the order, only in the count.
    if (entry.key === Infinity) heap.remove(entry);
    else heap.put(entry);
  }

  function earliest(bound = unbounded): number {
    let instant = Infinity;
    for (const { namespace, heaps } of parts.values()) {
      const before = bound(namespace);
      for (const [priority, heap] of heaps) {
        const key = heap.first()?.key ?? Infinity;
        if (effectiveDueTime(key, priority) < before) instant = Math.min(instant, key);
      }
    }
    return instant;
  }

  /** The due occurrence of a namespace that starts first. */
  function firstDue({ heaps }: Part, now: number, before: number): Entry | undefined {
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

  function dueIn({ heaps }: Part, instant: number, limit: number): Entry[] {
    const entries: Entry[] = [];
    const urgentFirst = [...heaps].sort(([a], [b]) => b - a);
    for (const [, heap] of urgentFirst)
      for (const entry of heap.upTo(instant, limit - entries.length)) entries.push(entry);
    return entries;
  }

  return {
    size: () => byUid.size,
    tasksOf: (namespace) => [...(parts.get(namespace)?.heaps.values() ?? [])].flatMap((heap) => heap.items()),
    isShared: () => parts.size > 1,
    has: (uid, scheduleVersion) => byUid.get(uid)?.scheduleVersion === scheduleVersion,
    put(task, after) {
      this.remove(task.uid);
      const { uid, id, scheduleVersion, priority, limited, timing, misfire } = task;
      const part = partOf(task.namespace);
      const { namespace } = part;
      // Each member by its name: V8 makes copies with `...` of ever new shapes, and code that reads ten thousand of
      // them takes six times as long.
      const entry: Entry = {
        key: Infinity,
        place: -1,
        uid,
        id,
        namespace,
        scheduleVersion,
        priority,
        limited,
        timing,
        misfire,
      };
      byUid.set(entry.uid, entry);
      part.tasks++;
      advance(entry, after);
      return entry.key !== Infinity;
    },
    remove(uid) {
      const entry = byUid.get(uid);
      if (!entry) return;
      byUid.delete(uid);
      const part = partOf(entry.namespace);
      heapOf(part, entry.priority).remove(entry);
      if (--part.tasks === 0) parts.delete(part.namespace);
    },
    adjust(uid, { priority, misfire, limited }) {
      const entry = byUid.get(uid);
      if (!entry) return;
      const part = partOf(entry.namespace);
      if (entry.priority !== priority) heapOf(part, entry.priority).remove(entry);
      Object.assign(entry, { priority, misfire, limited });
      if (entry.key !== Infinity) heapOf(part, priority).put(entry);
    },
    next: earliest,
    dueBy(instant, limit) {
      const due = [...parts.values()].map((part) => dueIn(part, instant, limit)).sort((a, b) => a.length - b.length);
      if (due.length === 1) return due[0] as Entry[];
      let left = limit;
      return due.flatMap((entries, place) => {
        const given = entries.slice(0, Math.ceil(left / (due.length - place)));
        left -= given.length;
        return given;
      });
    },
    takeDue(now, limit, bound = unbounded, mayGoOn = () => true) {
      const due: DueOccurrence[] = [];
      const missed: MissedStretch[] = [];
      const waiting = [...parts.values()];
      for (let turn = 0; waiting.length > 0 && due.length + missed.length < limit; ) {
        const part = waiting[turn] as Part;
        const entry = firstDue(part, now, bound(part.namespace));
        if (entry === undefined) waiting.splice(turn, 1);
        else {
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
          turn++;
        }
        if (turn >= waiting.length) turn = 0;
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
