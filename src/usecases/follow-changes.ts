/** Follows what changes in a namespace, and in the cluster. */

import { ok } from '../errors.ts';
import type { Listener } from '../live/channel.ts';
import { useCase } from './use-case.ts';

/** Calls the listener from now on, until what is given back is closed. */
export const followChanges = useCase('reader', async ({ live }, { namespace }, listener: Listener) =>
  ok(await live.listen(namespace, listener)),
);
