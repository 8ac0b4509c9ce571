/** The places for requests that are worked on at the same time, some of them kept for callers with credentials. */

export type Places = {
  /** Takes a place; the answer gives it back, once, however often it is called. Null when there is none. */
  take(hasCredentials: boolean): (() => void) | null;
  /** Whether `take` would find none. */
  full(hasCredentials: boolean): boolean;
  /** For how many milliseconds all places have been taken without one coming back; 0 while any is free. */
  stuckForMs(): number;
};

/** The part of all places for callers without credentials: enough for 401s, the contract and the docs. */
const strangersShare = 4;

/** `most` places. In open mode there are no credentials, so every caller counts as if it had some. */
export function createPlaces(most: number, open: boolean, monotonic: () => number): Places {
  const mostStrangers = Math.max(1, Math.floor(most / strangersShare));
  let taken = 0;
  let strangers = 0;
  let lastReturnAt = 0;

  const full = (hasCredentials: boolean) => taken >= most || (!open && !hasCredentials && strangers >= mostStrangers);

  return {
    full,
    take(hasCredentials) {
      if (full(hasCredentials)) return null;
      const stranger = !open && !hasCredentials;
      taken++;
      if (stranger) strangers++;
      if (taken === most) lastReturnAt = monotonic();
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        taken--;
        if (stranger) strangers--;
        lastReturnAt = monotonic();
      };
    },
    stuckForMs: () => (taken < most ? 0 : monotonic() - lastReturnAt),
  };
}
