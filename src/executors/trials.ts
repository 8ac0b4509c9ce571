/**
 * Fills in a template for the first time only once that is noted, so that a template that ends the process is known by what
 * the process left behind. What one process died of is filled in alone: the next death then has one cause. What two died of
 * is not filled in any more.
 */

export type Trials = {
  /** Calls `fill`, which must not throw, or `refuse` for what two processes died of. */
  run(taskId: string, fill: () => void, refuse: () => void): void;
};

export type TrialsOptions = {
  /** Notes these tasks, but for those of more than `atMost` deaths, and tells how many processes died of each. */
  begin(taskIds: readonly string[], atMost: number): Promise<Map<string, number>>;
  end(taskIds: readonly string[]): Promise<void>;
  /** Stops a task for good, or until somebody starts it. */
  quarantine(taskId: string): Promise<void>;
  /** Something of that could not be done; the templates are filled in all the same. */
  onError(error: unknown): void;
};

const mostDeaths = 2;

type Trial = { taskId: string; fill: () => void; refuse: () => void };

/** Those that come while others are noted share one statement. */
export function createTrials(options: TrialsOptions): Trials {
  let waiting: Trial[] = [];
  let isBusy = false;

  async function orElse<T>(work: Promise<T>, otherwise: T): Promise<T> {
    try {
      return await work;
    } catch (error) {
      options.onError(error);
      return otherwise;
    }
  }

  const begin = (trials: readonly Trial[], atMost: number) =>
    orElse(options.begin([...new Set(trials.map(({ taskId }) => taskId))], atMost), new Map<string, number>());
  const end = (trials: readonly Trial[]) =>
    trials.length === 0
      ? Promise.resolve()
      : orElse(options.end([...new Set(trials.map(({ taskId }) => taskId))]), undefined);

  async function tryAlone(trial: Trial): Promise<void> {
    const died = (await begin([trial], mostDeaths - 1)).get(trial.taskId) ?? 0;
    if (died >= mostDeaths) {
      await orElse(options.quarantine(trial.taskId), undefined);
      trial.refuse();
    } else {
      trial.fill();
      await end([trial]);
    }
  }

  async function work(): Promise<void> {
    isBusy = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const died = await begin(batch, 0);
      const isDoubtful = ({ taskId }: Trial) => (died.get(taskId) ?? 0) > 0;
      const others = batch.filter((trial) => !isDoubtful(trial));
      for (const trial of others) trial.fill();
      await end(others);
      for (const trial of batch.filter(isDoubtful)) await tryAlone(trial);
    }
    isBusy = false;
  }

  return {
    run(taskId, fill, refuse) {
      waiting.push({ taskId, fill, refuse });
      if (!isBusy) void work();
    },
  };
}
