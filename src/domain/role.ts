/** The roles of actors. */

/** Least first: each may do what the ones before it may. */
export const roles = ['reader', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];
