/** Histograms in SQL: puts values into buckets, makes histograms and takes them apart. */

import { growth } from '../../domain/stats/histogram.ts';

/** SQL of the bucket of the milliseconds between two instants; null where one of them is. */
export function bucketBetween(from: string, to: string): string {
  const ms = `round(extract(epoch from ${to} - ${from})::float8 * 1000)`;
  return `case when ${to} <= ${from} then 0 else 1 + ceil(ln(${ms}) / ${Math.log(growth)} - 1e-9)::bigint end`;
}

/** An entry of a histogram, of SQL of its count and its bucket. */
export const entry = (count: string, bucket: string) => `(${count})::bigint * 1024 + ${bucket}`;

export const bucketOf = (entry: string) => `(${entry} & 1023)`;
export const countOf = (entry: string) => `(${entry} >> 10)`;
