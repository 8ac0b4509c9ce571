/** The body of a trigger: the caller's details of the run that it asks for. */

import { writeExactJson } from '../../domain/input/exact-json.ts';
import { parseInstant } from '../../domain/input/instant.ts';
import { unprocessable } from '../problems.ts';

type TriggerBody = {
  triggerSource?: string | null;
  input?: unknown;
  priority?: number | null;
  scheduledFor?: string | null;
};

/** The details of a trigger; throws a 422. `scheduledFor` is in epoch milliseconds, null for now. */
export function readTrigger(body: unknown) {
  const { input, priority = null, scheduledFor, triggerSource: source = null } = (body ?? {}) as TriggerBody;
  const at = scheduledFor == null ? null : parseInstant(scheduledFor);
  if (scheduledFor != null && (at === null || at < 0))
    throw unprocessable([
      { pointer: '#/scheduledFor', detail: 'must be an RFC 3339 instant such as "2026-12-01T09:00:00Z"' },
    ]);
  return { source, input: input == null ? null : writeExactJson(input), priority, scheduledFor: at };
}
