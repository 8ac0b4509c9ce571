/** What the logs of runs share in one replica: turns of their writers, and the look for news for their readers. */

import type { Clock, Timer } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import { type LogEnd, shownEnd } from '../../store/logs/read.ts';

export type RunLogs = {
  /** At most so many bytes of a log are kept. */
  limit: number;
  /**
   * Waits for the turn of an append: one to each log at a time, and a few in all, so that they leave connections to other
   * requests. The answer ends the turn; null where too many wait.
   */
  takeTurn(runId: string): Promise<(() => void) | null>;
  /** Calls `onNews` when the log is longer, complete or gone. The answer ends that. */
  follow(runId: string, onNews: () => void): () => void;
  /** Looks for news at once: the log of this run is longer, or without one, some run has ended. */
  look(runId?: string): void;
};

/** The most appends to one log that wait at a time. */
const mostWaiting = 16;
/** The most appends under way at a time, and the most that wait for them, in all. */
const mostUnderWay = 4;
const mostWaitingInAll = 256;
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

  function look(runId?: string): void {
    if (followed.size === 0 || (runId !== undefined && !followed.has(runId))) return;
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
  const places = createLine(mostUnderWay, mostWaitingInAll);
  const byRun = new Map<string, Line>();

  return async (runId) => {
    const line = byRun.get(runId) ?? createLine(1, mostWaiting);
    byRun.set(runId, line);
    if (!(await line.enter())) return null;
    const leave = () => {
      line.leave();
      if (line.isEmpty()) byRun.delete(runId);
    };
    if (!(await places.enter())) {
      leave();
      return null;
    }
    return () => {
      places.leave();
      leave();
    };
  };
}

type Line = {
  /** Resolves to true when there is room; to false, at once, where too many wait. */
  enter(): Promise<boolean>;
  /** To be called once by each that has entered. */
  leave(): void;
  isEmpty(): boolean;
};

/** Lets so many in at a time. The others wait, in their order. */
function createLine(mostInside: number, mostBehind: number): Line {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return {
    async enter() {
      if (inside < mostInside) inside++;
      else if (waiting.length >= mostBehind) return false;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return true;
    },
    leave() {
      const next = waiting.shift();
      if (next) next();
      else inside--;
    },
    isEmpty: () => inside === 0,
  };
}
