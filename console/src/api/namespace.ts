/** The namespace that the address names. Without one, calls act in the caller's own. */

import { useSearch } from '@tanstack/react-router';
import { type Client, clientOf } from './client.ts';

/** The namespace of the address, or null. */
export function useNamespace(): string | null {
  const { ns } = useSearch({ strict: false }) as { ns?: string };
  return ns ?? null;
}

/** The client of that namespace. */
export function useClient(): Client {
  return clientOf(useNamespace());
}
