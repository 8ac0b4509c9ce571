/**
 * The states of a task, and the steps between them.
 *
 *              stop                         nothing left to come
 *   stopped ◄────────── active ──────────────────────────────────► completed
 *      └───────────────►  ▲ └───────────────────────────────────────┘
 *        start: something   a start, or a change of when it is due or of
 *        is left to come    maxRuns, that leaves something to come
 *
 * `completed` and `stopped` never change into each other. A completed task has no occurrence left to stop, and a
 * stopped task is not completed before it is started.
 */

export const taskStatuses = ['active', 'stopped', 'completed'] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** Which status may follow which; the database holds the same table. */
export const taskSteps: Record<TaskStatus, readonly TaskStatus[]> = {
  active: ['stopped', 'completed'],
  stopped: ['active'],
  completed: ['active'],
};

/** The parts of a change that a task's status depends on. */
export type Effect = {
  /** It changes when the task is due: schedule, bounds or jitter. */
  timing: boolean;
  /** It changes `maxRuns`. */
  limit: boolean;
  /** As many occurrences have run as `maxRuns` allows. */
  spent: boolean;
  /** After the change something is left to come: a future occurrence, or a run that is made now. */
  left: boolean;
};

export type StateFault = 'illegal_transition' | 'nothing_left' | 'meaningless';

/** The status after a change. `asked` is the status that the client asks for; null where it asks for none. */
export function nextStatus(
  before: TaskStatus,
  asked: TaskStatus | null,
  { timing, limit, spent, left }: Effect,
): { ok: true; status: TaskStatus } | { ok: false; fault: StateFault } {
  if (asked !== null && asked !== before && !askable[before].includes(asked)) return refused('illegal_transition');
  switch (before) {
    case 'active':
      if (asked === 'stopped') return became('stopped');
      if (spent && (timing || limit)) return became('completed');
      return timing && !left ? refused('meaningless') : became('active');
    case 'stopped':
      if (asked !== 'active') return became('stopped');
      return left ? became('active') : refused('nothing_left');
    case 'completed':
      if (asked !== 'active' && !timing && !limit) return became('completed');
      if (left) return became('active');
      // A `maxRuns` that leaves no run completes the task. Any other change makes it active again.
      return asked === 'active' || timing ? refused('nothing_left') : became('completed');
  }
}

/** The statuses that a client may ask for besides the present one: a task completes by itself. */
const askable: Record<TaskStatus, readonly TaskStatus[]> = {
  active: ['stopped'],
  stopped: ['active'],
  completed: ['active'],
};

const became = (status: TaskStatus) => ({ ok: true as const, status });
const refused = (fault: StateFault) => ({ ok: false as const, fault });
