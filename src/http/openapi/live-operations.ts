/** The calls that show the cluster, follow what changes in it, and serve the console, for the contract. */

import type { Operation } from './operation.ts';

/** By method and path, as the routes write them. */
export const liveOperations: Readonly<Record<string, Operation>> = {
  'GET /cluster': {
    id: 'getCluster',
    description: 'Each replica with its version, its load, the duties it holds and the circuits it keeps open.',
    answers: { 200: { description: 'The replicas.' } },
  },
  'GET /console/config': {
    id: 'getConsoleConfig',
    description: 'Needs no credentials.',
    answers: { 200: { description: 'The settings of the console.' } },
  },
  'GET /stream': {
    id: 'followChanges',
    description:
      'Server-sent events. `hello` comes first. `runs`, `tasks` and `cluster` are hints to read again, at most four a second of each: `data` is `{"count": 412, "tasks": ["a", …]}` with at most 20 tasks. After `resync` anything may have changed; `goodbye` asks to connect again. Only the namespace that the request acts in is followed.',
    answers: { 200: { description: 'Events, until one side ends them.' } },
  },
};
