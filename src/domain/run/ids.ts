/** The ids of runs of occurrences: the same on every replica of a cluster, others in every other cluster. */

/** Makes and reads the ids. `instant` is in epoch milliseconds, 0 … 2^48-1; `uid` an integer below 2^53. */
export type RunIds = {
  /** The id of the run of one occurrence; no two occurrences share one. */
  of(uid: number, instant: number): string;
  /** The uid of the task that an id was made for. */
  uidOf(id: string): number;
};

const half = 2 ** 32;

/**
 * The ids of a cluster: UUIDv8 (RFC 9562 §5.8) of 48 bits of instant, so that they sort by it like the UUIDv7 of manual
 * runs, 12 bits of the cluster's id, and 60 bits of the uid combined (XOR) with as many bits of the cluster's id. Two
 * clusters number their tasks alike: without that their targets would get the same idempotency keys and traces.
 * `clusterId` is a random UUID.
 */
export function createRunIds(clusterId: string): RunIds {
  const digits = clusterId.replaceAll('-', '');
  const middle = `8${digits.slice(0, 3)}`;
  const highMask = Number.parseInt(digits.slice(16, 23), 16);
  const lowMask = Number.parseInt(digits.slice(24, 32), 16);
  return {
    of(uid, instant) {
      const time = instant.toString(16).padStart(12, '0');
      const high = ((Math.floor(uid / half) ^ highMask) >>> 0).toString(16).padStart(7, '0');
      const low = ((uid ^ lowMask) >>> 0).toString(16).padStart(8, '0');
      return `${time.slice(0, 8)}-${time.slice(8)}-${middle}-8${high.slice(0, 3)}-${high.slice(3)}${low}`;
    },
    uidOf(id) {
      const high = (Number.parseInt(id.slice(20, 23) + id.slice(24, 28), 16) ^ highMask) >>> 0;
      const low = (Number.parseInt(id.slice(28), 16) ^ lowMask) >>> 0;
      return high * half + low;
    },
  };
}
