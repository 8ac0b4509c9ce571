/** The reconciler: fills the timetable at boot and makes it follow every committed change. */

import type { Calendar } from '../../domain/schedule/calendar.ts';
import type { Misfire } from '../../domain/schedule/misfire.ts';
import { type MisfireRule, misfireRule } from '../../domain/schedule/misfire.ts';
import { compileSchedule, isZoned } from '../../domain/schedule/schedule.ts';
import type { Logger } from '../../observability/log.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { feedPosition, type InactiveTask, loadTasks, readChanges, type TaskTiming } from '../../store/tasks/feed.ts';
import type { ExhaustedTask } from '../../store/tasks/tasks.ts';
import type { Turns } from '../../turns.ts';
import type { Timetable } from './timetable.ts';

export type ReconcilerOptions = {
  db: Queryable;
  log: Logger;
  calendar: Calendar;
  timetable: Timetable;
  /** Turns are taken by elapsed time, because a promise for each of a hundred thousand tasks would cost too much. */
  turns: Turns;
  /** The watermark (epoch milliseconds). Tasks that are loaded at boot go on from there. */
  watermark: () => Promise<number>;
  /** The timetable changed. */
  onChange: () => void;
  /** Whether this replica may claim tasks that are zoned, or not zoned. */
  mayClaim: (zoned: boolean) => boolean;
  /** A task has no occurrence left: all it had are written down. */
  onExhausted: (task: ExhaustedTask) => void;
  onDeleted: (namespace: string, taskId: string) => void;
  /** A task was written, in any way and by any replica. */
  onTaskChanged: (namespace: string, taskId: string) => void;
};

const pageSize = 20_000;
const rulesKept = 1_000;
const pollMs = 500;

/** The step of the reconciler's loop: loads all tasks the first time, and the changed ones afterwards. */
export function createReconcilerStep(options: ReconcilerOptions): () => Promise<number> {
  const { db, log, calendar, timetable, turns } = options;
  let position: string | null = null;
  const rules = new Map<string, MisfireRule>();

  /** One object for all tasks that say the same: there are many tasks and few rules. */
  function ruleOf(misfire: Misfire): MisfireRule {
    const key = `${misfire.policy} ${misfire.grace} ${misfire.limit}`;
    const known = rules.get(key);
    if (known) return known;
    if (rules.size >= rulesKept) rules.clear();
    const rule = misfireRule(misfire);
    rules.set(key, rule);
    return rule;
  }

  function put(task: TaskTiming, after: number): void {
    const { uid, id, namespace, scheduleVersion, priority, limited, activeFrom, startsAt, endsAt, jitterMs } = task;
    const schedule = compileSchedule(task.schedule, calendar);
    if (schedule === null) {
      log.error(
        { taskId: id, schedule: task.schedule },
        'the schedule cannot be computed here: the task does not fire on this replica',
      );
      return;
    }
    const timing = { uid, schedule, activeFrom, startsAt, endsAt, jitterMs };
    const occurs = timetable.put(
      { uid, id, namespace, scheduleVersion, priority, limited, timing, misfire: ruleOf(task.misfire) },
      after,
    );
    if (!occurs && schedule.kind !== 'manual' && options.mayClaim(isZoned(schedule)))
      options.onExhausted({ uid, scheduleVersion });
  }

  function follow(task: TaskTiming | InactiveTask): void {
    if (!task.active) {
      timetable.remove(task.uid);
      if (task.deleted) options.onDeleted(task.namespace, task.id);
    } else if (!timetable.has(task.uid, task.scheduleVersion)) put(task, task.activeFrom);
    else timetable.adjust(task.uid, { priority: task.priority, misfire: ruleOf(task.misfire), limited: task.limited });
  }

  async function load(): Promise<void> {
    const from = await feedPosition(db);
    const watermark = await options.watermark();
    let last = 0;
    for (;;) {
      const page = await loadTasks(db, last, pageSize);
      for (const task of page) {
        if (turns.areOver()) await turns.take();
        put(task, Math.max(task.activeFrom, watermark));
      }
      last = page.at(-1)?.uid ?? last;
      if (page.length < pageSize) break;
    }
    // It is set only here, because a load that failed half way begins again from the start.
    position = from;
    log.info({ tasks: timetable.size() }, 'the timetable is loaded');
  }

  return async () => {
    if (position === null) {
      await load();
      options.onChange();
    }
    const read = await readChanges(db, position as unknown as string);
    position = read.position;
    for (const task of read.changes) {
      if (turns.areOver()) await turns.take();
      follow(task);
      options.onTaskChanged(task.namespace, task.id);
    }
    if (read.changes.length > 0) options.onChange();
    return pollMs;
  };
}
