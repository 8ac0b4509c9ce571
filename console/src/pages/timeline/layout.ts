/** Where runs, misses and instants to come stand on the timeline: pure geometry, in pixels. */

/** What the service tells, as far as it matters here. Instants as text, the same as in its answers. */
export type TimelineRun = {
  id: string;
  taskId: string;
  status: string;
  scheduledFor: string;
  startedAt: string | null;
  finishedAt: string | null;
};
export type TimelineMiss = { from: string; to: string; count: number; reason: string };
/** `next` are the instants to come; `isCut` where more follow than were read. */
export type TimelineTask = {
  id: string;
  name: string;
  misses: readonly TimelineMiss[];
  next: readonly string[];
  isCut: boolean;
};

type Span = { x: number; width: number };
/** `lane` counts from 0: runs that overlap stand below each other. `waited` is the time between due and started. */
export type Bar = Span & { run: TimelineRun; lane: number; waited: Span | null };
export type Row = {
  task: TimelineTask;
  top: number;
  height: number;
  bars: Bar[];
  /** How many runs began while another one ran. Those that find no free lane stand in the last one. */
  overlapping: number;
  misses: (Span & { miss: TimelineMiss })[];
  /** Instants that come too close to be told apart are one mark, from the first to the last of them. */
  next: (Span & { first: string; last: string; count: number })[];
  /** From where on more instants follow than were read; null where all are there. */
  moreFrom: number | null;
};

export const laneHeight = 16;
const padding = 6;
const mostLanes = 4;
/** A run of milliseconds is still seen, and may be clicked. */
const leastWidth = 4;
/** Marks of instants to come are circles of eight pixels. */
const closest = 10;

type Frame = { from: number; to: number; now: number; width: number };

/** The place of an instant, in pixels from the left. */
export function xOf(at: number, { from, to, width }: Omit<Frame, 'now'>): number {
  return ((at - from) / (to - from)) * width;
}

/** A row for each task, in their order, one below the other. Runs of other tasks are left out. */
export function rowsOf(tasks: readonly TimelineTask[], runs: readonly TimelineRun[], frame: Frame): Row[] {
  const byTask = new Map<string, TimelineRun[]>(tasks.map(({ id }) => [id, []]));
  for (const run of runs) byTask.get(run.taskId)?.push(run);
  let top = 0;
  return tasks.map((task) => {
    const { bars, lanes, overlapping } = barsOf(byTask.get(task.id) ?? [], frame);
    const height = Math.max(1, lanes) * laneHeight + 2 * padding;
    const next = marksOf(task.next, frame);
    const last = task.next.at(-1);
    const lastX = last === undefined ? frame.width : xOf(Date.parse(last), frame);
    const row = {
      ...{ task, top, height, bars, overlapping, next },
      misses: task.misses.flatMap((miss) => {
        const span = spanOf(Date.parse(miss.from), Date.parse(miss.to), 8, frame);
        return span === null ? [] : [{ ...span, miss }];
      }),
      moreFrom: task.isCut && lastX < frame.width ? Math.max(0, lastX) : null,
    };
    top += height;
    return row;
  });
}

/** The marks of instants from now on. */
function marksOf(instants: readonly string[], frame: Frame): Row['next'] {
  const marks: Row['next'] = [];
  for (const at of instants) {
    const x = xOf(Date.parse(at), frame);
    if (x < 0 || x >= frame.width || Date.parse(at) < frame.now) continue;
    const before = marks.at(-1);
    if (before === undefined || x - before.x - before.width >= closest)
      marks.push({ x, width: 0, first: at, last: at, count: 1 });
    else Object.assign(before, { width: x - before.x, last: at, count: before.count + 1 });
  }
  return marks;
}

function barsOf(runs: readonly TimelineRun[], frame: Frame) {
  const placed = runs
    .flatMap((run) => {
      const due = Date.parse(run.scheduledFor);
      const start = run.startedAt === null ? due : Date.parse(run.startedAt);
      const end = endOf(run, start, frame.now);
      const span = spanOf(start, end, leastWidth, frame);
      const waited = start > due ? spanOf(due, start, 0, frame) : null;
      return span === null ? [] : [{ run, start, end, ...span, waited }];
    })
    .sort((one, other) => one.start - other.start);
  // By time and not by pixels: short runs that only look as if they touched do not overlap.
  const ends: number[] = [];
  let overlapping = 0;
  const bars = placed.map(({ start, end, ...bar }): Bar => {
    const free = ends.findIndex((until) => until <= start);
    const lane = free >= 0 ? free : Math.min(ends.length, mostLanes - 1);
    if (ends.some((until) => until > start)) overlapping++;
    ends[lane] = Math.max(end, ends[lane] ?? 0);
    return { ...bar, lane };
  });
  return { bars, lanes: ends.length, overlapping };
}

function endOf({ status, startedAt, finishedAt }: TimelineRun, start: number, now: number): number {
  if (startedAt === null) return start;
  if (finishedAt !== null) return Date.parse(finishedAt);
  return status === 'running' ? Math.max(start, now) : start;
}

/** The part of a stretch that can be seen, at least this wide; null where none of it can. */
function spanOf(start: number, end: number, least: number, frame: Frame): Span | null {
  if (end < frame.from || start >= frame.to) return null;
  const x = Math.max(0, xOf(start, frame));
  const width = Math.max(least, Math.min(frame.width, xOf(end, frame)) - x);
  return { x: Math.min(x, frame.width - least), width };
}
