/** Uses up a sign-in that came back from the issuer: each works once, on whichever replica it ends. */

import { hashOfId } from '../../domain/access/session.ts';
import { useState } from '../../store/access/sessions.ts';
import type { UseCaseContext } from '../context.ts';

/** False where it was used before. `endsAt` is when the sign-in is too old in any case, in epoch milliseconds. */
export function useSignIn(
  { database }: Pick<UseCaseContext, 'database'>,
  { state, endsAt }: { state: string; endsAt: number },
): Promise<boolean> {
  return useState(database.pool, hashOfId(state), endsAt);
}
