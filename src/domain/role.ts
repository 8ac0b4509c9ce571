/** The roles of actors. */

/** Least first: each role may do everything that the roles before it may. */
export const roles = ['reader', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Whether an actor of one role may do something that asks for another role. */
export function roleAllows(actual: Role, needed: Role): boolean {
  return roles.indexOf(actual) >= roles.indexOf(needed);
}
