/** The rules of the namespaces, as each replica keeps them in memory. */

import type { Quotas } from './quotas.ts';

/** The rules of one namespace. */
export type NamespaceRules = {
  id: string;
  /** How many turns it takes while others take one. */
  weight: number;
  quotas: Quotas;
  /** Rules as in TARGET_ALLOW and TARGET_DENY. They narrow those of the settings; null adds nothing. */
  targetAllow: string[] | null;
  targetDeny: string[] | null;
  /** Whether it is being deleted: nothing can be created in it any more. */
  closing: boolean;
};

/**
 * The namespaces of the cluster. Reading is synchronous. What another replica changed is seen a second later at most.
 */
export type Namespaces = {
  /** Null for a namespace that is not known here: there is none, or it was made a moment ago on another replica. */
  rulesOf(id: string): NamespaceRules | null;
  /** 1 where the namespace is not known. */
  weightOf(id: string): number;
  /** The rules, read from the database where the namespace is not known here. Rejects when that cannot be asked. */
  learn(id: string): Promise<NamespaceRules | null>;
  /** Reads what has changed until now. Rejects when the database cannot be asked. */
  refresh(): Promise<void>;
  /** The namespaces that are being deleted. */
  closing(): string[];
  /** Calls `listener` after each change of rules, with the ids of the namespaces that changed or are gone. */
  onChange(listener: (ids: readonly string[]) => void): void;
};
