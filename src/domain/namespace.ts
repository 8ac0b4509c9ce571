/** Namespaces: each task belongs to one, and its id is unique inside it. */

/** The namespace of everything, as long as callers cannot name another. */
export const defaultNamespace = 'default';
