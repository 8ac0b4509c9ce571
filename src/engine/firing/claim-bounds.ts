/** How many claims are made at a time, of how many occurrences, and how long slots are gathered for one. */

export type ClaimBounds = {
  /** The most occurrences of a usual claim. */
  batchSize: number;
  /** The most urgent claims at a time. */
  urgentClaims: number;
  /** For how long slots are gathered, in milliseconds. */
  gatherMs: number;
};

export const usualClaims = 2;
export const urgentBatchSize = 32;
/**
 * With this many free slots a claim is made at once. Fewer are gathered for some milliseconds while runs are under way.
 */
export const worthwhile = 256;
export const leastGatherMs = 8;

const alone: ClaimBounds = { batchSize: 500, urgentClaims: 1, gatherMs: leastGatherMs };

/**
 * The claims of a flood are smaller and fewer. None holds up Postgres or the event loop for long, and other namespaces
 * have more claims beside them.
 */
const shared: ClaimBounds = { batchSize: 128, urgentClaims: 3, gatherMs: 24 };

/** `isShared`: whether tasks of several namespaces fire on the replica. */
export const boundsOfClaims = (isShared: boolean): ClaimBounds => (isShared ? shared : alone);
