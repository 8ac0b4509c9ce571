/** Types of rows in hand-written SQL, taken from the schema: a column that is renamed there no longer compiles here. */

import type { Column, Table } from 'drizzle-orm';

type ColumnsOf<T extends Table> = T['_']['columns'];

/** The columns of a table under the names that they have in the database. */
type Named<T extends Table> = {
  [Key in keyof ColumnsOf<T> as ColumnsOf<T>[Key]['_']['name']]: ColumnsOf<T>[Key];
};

/** The name of a column of the table, as in the database. */
export type ColumnName<T extends Table> = keyof Named<T> & string;

/** The driver gives a bigint as text. All other columns have the type of the schema. */
type Value<C> = C extends Column
  ?
      | (C['_']['columnType'] extends 'PgBigInt53' ? string : C['_']['data'])
      | (C['_']['notNull'] extends true ? never : null)
  : never;

/** These columns of a table as the driver gives them in a row. Instants are `Date`. */
export type Row<T extends Table, Name extends ColumnName<T> = ColumnName<T>> = {
  [N in Name]: Value<Named<T>[N]>;
};

/** These columns, never null: for a statement that leaves out the rows in which they are. */
export type FilledRow<T extends Table, Name extends ColumnName<T>> = {
  [N in Name]: NonNullable<Value<Named<T>[N]>>;
};

/** `alias.column, …` for a select list. */
export function columnsOf<T extends Table>(alias: string, ...names: readonly ColumnName<T>[]): string {
  return names.map((name) => `${alias}.${name}`).join(', ');
}
