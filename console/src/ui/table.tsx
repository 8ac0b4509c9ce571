/** A table in its panel: the heads of its columns, and rows as children. It scrolls inside the panel, never the page. */

import type { ReactNode } from 'react';

/** The head of a column; `number` sets its cells at the end of the line. */
export type Column = string | { number: string };

export function Table({ columns, children }: { columns: readonly Column[]; children: ReactNode }) {
  return (
    <div className="scroll">
      <table className="list">
        <thead>
          <tr>
            {columns.map((column) =>
              typeof column === 'string' ? (
                <th key={column} scope="col">
                  {column}
                </th>
              ) : (
                <th key={column.number} scope="col" className="number">
                  {column.number}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
