/** The roles of actors. */

/** Least first: each may do what the ones before it may. */
export const roles = ['reader', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Whether an actor of one role may do what needs another. */
export function roleAllows(actual: Role, needed: Role): boolean {
  return roles.indexOf(actual) >= roles.indexOf(needed);
}
