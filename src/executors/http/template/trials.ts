/**
 * Trials: before a template is filled in for the first time, a note is stored. A template that kills the process is
 * then known by the note left behind. A template that one process died of is filled in alone, so that the next death
 * has one cause. A template that two processes died of is not filled in any more.
 */

import type { Clock } from '../../../clock.ts';

export type Trials = {
  /**
   * Calls `fill`, which must not throw, or `refuse` for a template that two processes died of. `task` is a name that no
   * other task has, in whatever namespace.
   */
  run(task: string, fill: () => void, refuse: () => void): void;
};

export type TrialsOptions = {
  clock: Pick<Clock, 'after'>;
  /** Notes these tasks, without those of more than `atMost` deaths. Returns how many processes died of each. */
  begin(tasks: readonly string[], atMost: number): Promise<Map<string, number>>;
  /** Their templates did no harm. Tried again until it succeeds: a note that stays would count as a death. */
  end(tasks: readonly string[]): Promise<void>;
  /** Stops a task until a caller starts it. */
  quarantine(task: string): Promise<void>;
  /** Writing or removing a note failed. The templates are filled in all the same. */
  onError(error: unknown): void;
};

const mostDeaths = 2;
/** Between two tries to note the end, in milliseconds; each wait is twice as long as the one before. */
const shortestWaitMs = 1_000;
const longestWaitMs = 60_000;

type Trial = { task: string; fill: () => void; refuse: () => void };

/** Those that come while others are noted share one statement. */
export function createTrials(options: TrialsOptions): Trials {
  let waiting: Trial[] = [];
  let isBusy = false;
  const unended = new Set<string>();
  let waitMs = shortestWaitMs;
  let isRetrySet = false;
  let isEndDue = false;

  async function orElse<T>(work: Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work;
    } catch (error) {
      options.onError(error);
      return otherwise;
    }
  }

  const begin = (trials: readonly Trial[], atMost: number) =>
    orElse(options.begin([...new Set(trials.map(({ task }) => task))], atMost), new Map<string, number>());

  /** Removes the notes of these, and of all those that could not be removed before. */
  async function end(trials: readonly Trial[]): Promise<void> {
    for (const { task } of trials) unended.add(task);
    if (unended.size === 0) return;
    try {
      await options.end([...unended]);
      unended.clear();
      waitMs = shortestWaitMs;
    } catch (error) {
      options.onError(error);
      if (isRetrySet) return;
      isRetrySet = true;
      options.clock.after(waitMs, () => {
        isRetrySet = false;
        isEndDue = true;
        if (!isBusy) void work();
      });
      waitMs = Math.min(2 * waitMs, longestWaitMs);
    }
  }

  /** Stopping a task takes a while: others do not wait for it. */
  async function stop({ task, refuse }: Trial): Promise<void> {
    await orElse(options.quarantine(task), undefined);
    refuse();
  }

  async function tryAlone(trial: Trial): Promise<void> {
    const died = (await begin([trial], mostDeaths - 1)).get(trial.task) ?? 0;
    if (died >= mostDeaths) {
      void stop(trial);
    } else {
      trial.fill();
      await end([trial]);
    }
  }

  async function work(): Promise<void> {
    isBusy = true;
    while (waiting.length > 0 || isEndDue) {
      const batch = waiting;
      waiting = [];
      isEndDue = false;
      const died = batch.length === 0 ? new Map<string, number>() : await begin(batch, 0);
      const isUnconfirmed = ({ task }: Trial) => (died.get(task) ?? 0) > 0;
      const others = batch.filter((trial) => !isUnconfirmed(trial));
      for (const trial of others) trial.fill();
      await end(others);
      for (const trial of batch.filter(isUnconfirmed)) await tryAlone(trial);
    }
    isBusy = false;
  }

  return {
    run(task, fill, refuse) {
      waiting.push({ task, fill, refuse });
      if (!isBusy) void work();
    },
  };
}
