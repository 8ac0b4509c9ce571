/** The types of the audit: what somebody did, or was refused. */

export const auditTypes = [
  'task.created',
  'task.updated',
  'task.started',
  'task.stopped',
  'task.deleted',
  'task.triggered',
  'task.backfilled',
  'task.tested',
  'bulk.started',
  'run.cancelled',
  'run.retried',
  'target.tested',
  'namespace.created',
  'namespace.updated',
  'namespace.deleted',
  'key.created',
  'key.deleted',
  'binding.created',
  'binding.deleted',
  'secret.created',
  'secret.updated',
  'secret.deleted',
  'secret.rewrapped',
  'sign_in',
  'sign_in_refused',
  'sign_out',
  'access_refused',
] as const;

export type AuditType = (typeof auditTypes)[number];

/** The types that entries of this subject can have; all where it is null. */
export function typesOf(subject: string | null): readonly AuditType[] {
  if (!subject?.startsWith('task:')) return auditTypes;
  return auditTypes.filter((type) => type.startsWith('task.') || type.startsWith('run.'));
}
