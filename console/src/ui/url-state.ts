/** State that lives in the address: filters, tabs, ranges of time. The back button goes through it. */

import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

/** The values of the query of an address; a name that is absent has no value. */
export type Values = Record<string, string | undefined>;

/** Reads the query of an address. The last of repeated values counts. */
export function parseValues(query: string): Values {
  return Object.fromEntries(new URLSearchParams(query));
}

/** The query for these values, with its question mark; empty where there are none. */
export function queryOf(values: Values): string {
  const given = Object.entries(values).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '',
  );
  const query = new URLSearchParams(given).toString();
  return query === '' ? '' : `?${query}`;
}

/**
 * The values of the address, and a function that changes some of them; `undefined` takes one away. `quiet` keeps the
 * change out of the history, as for each letter of a search.
 */
export function useUrlState(): [Values, (changes: Values, options?: { quiet?: boolean }) => void] {
  const values = useSearch({ strict: false }) as Values;
  const navigate = useNavigate();
  const change = useCallback(
    (changes: Values, { quiet = false } = {}) => {
      const search = (before: Values) => ({ ...before, ...changes });
      void navigate({ to: '.', search: search as never, replace: quiet });
    },
    [navigate],
  );
  return [values, change];
}
