/** Decides which bytes of a long log are kept: the first and the last ones. */

/** How much of a log there is. Offsets are in bytes. `droppedTo` is `droppedFrom` where nothing was dropped. */
export type LogLayout = {
  /** All that were taken: the offset of the next ones. */
  bytes: number;
  droppedFrom: number;
  droppedTo: number;
};

export const emptyLog: LogLayout = { bytes: 0, droppedFrom: 0, droppedTo: 0 };

/** Where the first part of a log ends that grows beyond `limit` bytes. */
export function headOf(limit: number): number {
  return Math.floor(limit / 2);
}

/** The layout of a log of which `bytes` have been taken now. At most `limit` of them are kept. */
export function layoutAfter(before: LogLayout, bytes: number, limit: number): LogLayout {
  const isWhole = before.droppedTo === before.droppedFrom;
  if (isWhole && bytes <= limit) return { bytes, droppedFrom: 0, droppedTo: 0 };
  // The limit may have been another one when the middle was first dropped.
  const droppedFrom = isWhole ? headOf(limit) : before.droppedFrom;
  const tail = Math.max(limit - droppedFrom, headOf(limit));
  return { bytes, droppedFrom, droppedTo: Math.max(before.droppedTo, droppedFrom, bytes - tail) };
}

/** How many bytes were dropped. */
export function truncatedOf({ droppedFrom, droppedTo }: LogLayout): number {
  return droppedTo - droppedFrom;
}

/** The parts of `[from, to)` that are kept, in order: at most two. */
export function keptParts({ droppedFrom, droppedTo }: LogLayout, from: number, to: number): [number, number][] {
  if (droppedFrom === droppedTo) return from < to ? [[from, to]] : [];
  const parts: [number, number][] = [
    [from, Math.min(to, droppedFrom)],
    [Math.max(from, droppedTo), to],
  ];
  return parts.filter(([start, end]) => start < end);
}
