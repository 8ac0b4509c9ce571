/** What is measured: some work, and somebody who does it. */

/** Tasks that are each due `repeats` times, a second apart; all at once, or spread evenly over the second. */
export type Work = {
  count: number;
  repeats: number;
  /** Whether task n is due n/count of a second after the others' beginning. */
  spread: boolean;
  /** The first instant, in epoch milliseconds. */
  instant: number;
};

export type Contender = {
  name: string;
  databaseUrl: string;
  pids(): number[];
  /** How long before the instant everything has to be under way, in milliseconds. */
  leadMs(count: number): number;
  /** Resolves when nothing is left to do but to wait for the instant. */
  prepare(work: Work): Promise<void>;
  /** Resolves when what was called has been written down. */
  settled(): Promise<void>;
  /** Halts it while others are measured, and lets it go on; absent where it must not be halted. */
  rest?: (rests: boolean) => void;
};

/** The last instant of all. */
export function lastInstant({ count, repeats, spread, instant }: Work): number {
  return instant + (repeats - 1) * 1_000 + (spread ? Math.floor(((count - 1) * 1_000) / count) : 0);
}
