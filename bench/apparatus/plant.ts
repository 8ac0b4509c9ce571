/** Many rows made after one that the service itself wrote, so that no bench has to know the tables. */

import pg from 'pg';

export type Planting = {
  table: 'tasks' | 'runs';
  /** The row to copy: `id = original`. */
  original: string;
  /** How many copies, with n = 1 … copies. */
  copies: number;
  /** SQL for the columns that differ: `n` is the number of the copy, `original` the row. */
  columns: Record<string, string>;
};

/** What Postgres fills in by itself, anew for every row. */
const ownColumns = ['uid', 'changed_in'];
const rowsPerStatement = 250_000;

/** Inserts the copies, then tells the planner about them as autovacuum would. `progress` hears how many there are. */
export async function plant(
  databaseUrl: string,
  { table, original, copies, columns }: Planting,
  progress: (rows: number) => void = () => {},
): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ column_name: string }>(
      'select column_name from information_schema.columns where table_name = $1 order by ordinal_position',
      [table],
    );
    const names = rows.map((row) => row.column_name).filter((name) => table === 'runs' || !ownColumns.includes(name));
    const values = names.map((name) => columns[name] ?? `original.${name}`);
    for (let from = 1; from <= copies; from += rowsPerStatement) {
      const to = Math.min(copies, from + rowsPerStatement - 1);
      await client.query(
        `insert into ${table} (${names.join(', ')}) select ${values.join(', ')}
         from generate_series($2::bigint, $3::bigint) as n cross join ${table} original where original.id = $1`,
        [original, from, to],
      );
      progress(to);
    }
    await client.query(`vacuum analyze ${table}`);
  } finally {
    await client.end();
  }
}
