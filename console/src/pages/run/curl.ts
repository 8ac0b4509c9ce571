/** The command that reads a run in a terminal. */

import { apiBase, type Run } from '../../api/client.ts';

export function curlOf({ id }: Pick<Run, 'id'>): string {
  const { ns } = Object.fromEntries(new URLSearchParams(window.location.search));
  return `curl -s '${window.location.origin}${apiBase(ns ?? null)}/runs/${id}' -H "Authorization: Bearer $API_KEY"`;
}
