/** A link to a page of the console. The namespace of the address goes with it. */

import { Link, type LinkComponentProps } from '@tanstack/react-router';
import type { Values } from './url-state.ts';

type GoProps = Omit<LinkComponentProps<'a'>, 'to' | 'search' | 'params'> & {
  /** The path, with `$id` where an id stands. */
  to: string;
  params?: Record<string, string>;
  search?: Values;
};

export function Go({ to, params, search, ...rest }: GoProps) {
  const all = { ...rest, to, params, search: (before: Values) => ({ ns: before.ns, ...search }) };
  return <Link {...(all as unknown as LinkComponentProps<'a'>)} />;
}
