/** The body of a trigger: the caller's details of the run that it asks for. */

import { writeExactJson } from '../../domain/input/exact-json.ts';

type TriggerBody = {
  triggerSource?: string | null;
  input?: unknown;
  priority?: number | null;
  scheduledFor?: string | null;
};

/** The details of a trigger. */
export function readTrigger(body: unknown) {
  const { input, priority = null, scheduledFor = null, triggerSource: source = null } = (body ?? {}) as TriggerBody;
  return { source, input: input == null ? null : writeExactJson(input), priority, scheduledFor };
}
