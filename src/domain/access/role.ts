/** The roles of callers. */

/** Least first: each of these may do everything that those before it may. */
const ladder = ['reader', 'operator', 'admin', 'owner'] as const;

/**
 * All roles. `owner` holds for the whole cluster only. `worker` stands beside the others: it may call the paths of
 * workers, and nothing else.
 */
export const roles = [...ladder, 'worker'] as const;
export type Role = (typeof roles)[number];

/** Whether a caller of one role may do something that asks for another role. */
export function roleAllows(actual: Role, needed: Role): boolean {
  if (actual === 'worker' || needed === 'worker') return actual === needed || actual === 'owner';
  return ladder.indexOf(actual) >= ladder.indexOf(needed);
}

/** The highest of some roles; null where there is none. A worker is the lowest. */
export function highest(held: readonly Role[]): Role | null {
  const rank = (role: Role) => (role === 'worker' ? -1 : ladder.indexOf(role));
  return held.reduce<Role | null>((best, role) => (best === null || rank(role) > rank(best) ? role : best), null);
}
