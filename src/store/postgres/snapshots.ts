/**
 * Positions in a table whose rows tell which transaction wrote them: a snapshot of Postgres says which transactions
 * were over, so the rows that only the later of two snapshots shows are exactly those committed in between.
 */

/**
 * The SQL condition that the transaction number in `column` was not over in the snapshot `seen`. The first half is for
 * the index. A row that is visible, and new since the snapshot of the last reading, is read once.
 */
export const isNewSince = (column: string, seen: string): string =>
  `${column} >= pg_snapshot_xmin(${seen}) and not pg_visible_in_snapshot(${column}, ${seen})`;
