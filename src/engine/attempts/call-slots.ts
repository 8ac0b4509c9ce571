/** Bounds on calls under way: in all, and to one origin, so that a host that hangs holds up no other. */

export type CallSlots = {
  /** How many more calls may begin. */
  free(): number;
  /**
   * Null where one more call to this origin may begin; `busy` where as many as may be are under way, `slow` where they
   * also take long.
   */
  refusal(origin: string): 'busy' | 'slow' | null;
  /** Notes a call that begins. The returned function is to be called when it is over, once. */
  enter(origin: string): () => void;
};

export type CallSlotsOptions = {
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
  total: number;
  perOrigin: number;
  /** No call begins to an origin that has this many calls which take longer than `slowMs`. */
  perSlowOrigin: number;
  slowMs: number;
};

export function createCallSlots(options: CallSlotsOptions): CallSlots {
  const { monotonic, total, perOrigin, perSlowOrigin, slowMs } = options;
  /** The calls of each origin by when they began, oldest first. */
  const origins = new Map<string, Set<{ since: number }>>();
  let taken = 0;
  return {
    free: () => total - taken,
    refusal(origin) {
      const calls = [...(origins.get(origin) ?? [])];
      const decisive = calls[perSlowOrigin - 1];
      if (decisive && monotonic() - decisive.since > slowMs) return 'slow';
      return calls.length >= perOrigin ? 'busy' : null;
    },
    enter(origin) {
      const calls = origins.get(origin) ?? new Set();
      const call = { since: monotonic() };
      origins.set(origin, calls.add(call));
      taken++;
      return () => {
        taken--;
        calls.delete(call);
        if (calls.size === 0) origins.delete(origin);
      };
    },
  };
}
