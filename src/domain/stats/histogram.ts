/**
 * Histograms of milliseconds that can be merged: the logarithmic buckets of DDSketch. Bucket 0 holds 0 ms, bucket n
 * what lies in (growth^(n-2), growth^(n-1)]. An entry of a histogram is `count * 1024 + bucket`; a bucket may
 * have several entries.
 */

/** Each bucket ends this many times as high as the one before. */
export const growth = 1.1;

/** A value of the bucket that is within 5 % of all values in it, in whole milliseconds. */
export function msOfBucket(bucket: number): number {
  return bucket === 0 ? 0 : Math.round((2 * growth ** (bucket - 1)) / (growth + 1));
}
