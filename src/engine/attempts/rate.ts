/** A moving average of events per millisecond, over the last 50 ms or so. */

/** Instants in milliseconds on a clock that never jumps. */
export function createRate() {
  const windowMs = 50;
  let weight = 0;
  let at = 0;
  const decayTo = (now: number) => {
    weight *= Math.exp((at - now) / windowMs);
    at = now;
  };
  return {
    add(now: number) {
      decayTo(now);
      weight++;
    },
    perMs(now: number) {
      decayTo(now);
      return weight / windowMs;
    },
  };
}
