/** Namespaces: each task belongs to one, and its id is unique inside it. */

/** The namespace that always exists. */
export const defaultNamespace = 'default';

/** For log lines: the member that names the namespace; none for the default one. */
export function namespaceMember(namespace: string): { namespace?: string } {
  return namespace === defaultNamespace ? {} : { namespace };
}

/** Stands for all namespaces in a grant. */
export const everyNamespace = '*';

/** Whether a text can be the id of a namespace. */
export function isNamespaceId(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(text);
}
