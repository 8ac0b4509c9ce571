/** What the logs of runs share in one replica: turns of their writers, and the look for news for their readers. */

import type { Clock, Timer } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import { type LogEnd, shownEnd } from '../../store/logs/read.ts';

export type RunLogs = {
  /** At most so many bytes of a log are kept. */
  limit: number;
  /**
   * Waits for the turn of an append among those to the same log, so that they hold one connection together. The answer
   * ends the turn; null where too many wait.
   */
  takeTurn(runId: string): Promise<(() => void) | null>;
  /** Calls `onNews` when the log is longer, complete or gone. The answer ends that. */
  follow(runId: string, onNews: () => void): () => void;
  /** Looks for news at once: some log is longer, or some run has ended. */
  look(): void;
};

/** The most appends to one log that wait at a time. */
const mostWaiting = 16;
/** Without news from this replica, that of others is seen after so many milliseconds. */
const pollMs = 500;
/** Between two looks, in milliseconds. */
const shortestPauseMs = 25;

type Followed = { onNews: Set<() => void>; seen: string };

/** `endsOf` tells how far these logs are. */
export function createRunLogs(
  endsOf: (runIds: readonly string[]) => Promise<Map<string, LogEnd>>,
  { limit, clock, log }: { limit: number; clock: Pick<Clock, 'after'>; log: Logger },
): RunLogs {
  const turns = createLogTurns();
  const followed = new Map<string, Followed>();
  let timer: Timer | null = null;
  let isAsking = false;
  let askAgain = false;
  let isSoon = false;

  async function ask(): Promise<void> {
    timer = null;
    isSoon = false;
    if (followed.size === 0) return;
    isAsking = true;
    askAgain = false;
    try {
      const ends = await endsOf([...followed.keys()]);
      for (const [runId, each] of followed) {
        const end = ends.get(runId);
        const seen = end === undefined ? 'gone' : `${shownEnd(end)} ${end.isOver}`;
        if (seen === each.seen) continue;
        each.seen = seen;
        for (const onNews of each.onNews) onNews();
      }
    } catch (error) {
      log.debug({ err: error }, 'could not look for news in logs');
    }
    isAsking = false;
    isSoon = askAgain;
    timer = clock.after(askAgain ? shortestPauseMs : pollMs, ask);
  }

  function look(): void {
    if (followed.size === 0) return;
    if (isAsking) askAgain = true;
    else if (!isSoon) {
      timer?.cancel();
      void ask();
    }
  }

  return {
    limit,
    takeTurn: turns,
    follow(runId, onNews) {
      const each = followed.get(runId) ?? { onNews: new Set(), seen: '' };
      each.onNews.add(onNews);
      followed.set(runId, each);
      // What came before this follower was told to others alone.
      each.seen = '';
      look();
      return () => {
        each.onNews.delete(onNews);
        if (each.onNews.size === 0 && followed.get(runId) === each) followed.delete(runId);
      };
    },
    look,
  };
}

function createLogTurns(): RunLogs['takeTurn'] {
  /** The appends that wait, by run; a run without an append under way has no entry. */
  const byRun = new Map<string, (() => void)[]>();

  function endTurn(runId: string): () => void {
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const next = byRun.get(runId)?.shift();
      if (next) next();
      else byRun.delete(runId);
    };
  }

  return async (runId) => {
    const waiting = byRun.get(runId);
    if (waiting === undefined) {
      byRun.set(runId, []);
      return endTurn(runId);
    }
    if (waiting.length >= mostWaiting) return null;
    await new Promise<void>((resolve) => waiting.push(resolve));
    return endTurn(runId);
  };
}
