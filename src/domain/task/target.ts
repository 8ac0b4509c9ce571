/** The target of a task as all code but its executor sees it: a type, and functions of its kind that are handed in. */

import type { Result } from '../../errors.ts';

/**
 * The target of a task in its canonical form. The type names the executor, and only the executor knows the other
 * members.
 */
export type Target = { readonly type: string };

/** The target of a hook, in the same sense: only its executor knows the members. */
export type HookCall = { readonly [member: string]: unknown };

/** A place in a task that names a secret: a JSON pointer such as `#/target/headers/authorization`. */
export type SecretUse = { name: string; pointer: string };

/** Where a target stands in a task. */
export type TargetPlace = {
  /** JSON pointer, such as `#/target`. */
  pointer: string;
  /** The target that is stored in this place: an equal one is not checked against settings again. Null for none. */
  stored: Target | null;
  /** The namespace of the task: its rules about addresses hold too. Absent: only those of settings hold. */
  namespace?: string;
  /** The `template` of the task, a shorthand for that of its target; absent or null where it is not given. */
  template?: boolean | null | undefined;
};

/** The same of a hook. */
export type HookPlace = Pick<TargetPlace, 'pointer' | 'namespace'> & { stored: HookCall | null };

/** Takes a fault: a JSON pointer below the place that is read, and a sentence without its subject. */
export type RefuseBelow = (path: string, detail: string) => void;

/** Hides credentials from readers that may not see them. */
export type Redaction<T> = {
  /** The value with a mask for each of its credentials; the value itself where it has none. */
  redact(value: T): T;
  /**
   * A client's input, with the stored credential in the place of each mask. `refuse` is called for each mask without a
   * stored value. `given` may have any form; `stored` is null where nothing is stored.
   */
  restore(given: unknown, stored: T | null, refuse: RefuseBelow): unknown;
  /** A merge patch with its members named as they are stored, where names differ in case only. */
  alignPatch(patch: unknown, stored: T): unknown;
};

/** A kind of target in the API's documents and checks, as JSON Schema. `named` names its component in the contract. */
export type TargetSchema = {
  /** The form of a client's input. */
  input: { named: string; properties: Record<string, object> } & Record<string, unknown>;
  /** The shown form. */
  shown: { named?: string } & object;
  /** Members that are likely to be sent at the top of a task by mistake. */
  misplaced: readonly string[];
};

/** The same of hooks, which are sent as text or as an object. */
export type HookSchema = {
  /** Keywords for the text. */
  text: object;
  /** The members of the object, besides those of every hook. */
  fields: Record<string, object>;
  /** Those that are shown. */
  shown: Record<string, object>;
};

/** By type; the first is that of a target that does not name one. */
export type TargetSchemas = { targets: ReadonlyMap<string, TargetSchema>; hooks: HookSchema };

/** Reads a client's targets and hooks, of every kind that is known here. */
export type TargetReader = Pick<Targets, 'read'> & { hooks: Pick<Targets['hooks'], 'read'> };

/** Reads the targets and hooks of tasks in one namespace. */
export function readerIn({ read, hooks }: TargetReader, namespace: string): TargetReader {
  return {
    read: (given, place) => read(given, { ...place, namespace }),
    hooks: { read: (given, place) => hooks.read(given, { ...place, namespace }) },
  };
}

/** Everything about targets for code that does not call them. */
export type Targets = Redaction<Target> & {
  /** The canonical target of a client's input, or every fault with its pointer. Never throws. */
  read(given: unknown, place: TargetPlace): Result<Target>;
  /** A stored target in the form of an input, for a merge patch; empty where the patch names another known type. */
  asInput(stored: Target, patch: unknown): object;
  /** A stored target as answers show it; credentials are not hidden. */
  asShown(target: Target): object;
  /** Each place of a secret in a target that has been read; `pointer` is that of the target. */
  secretsIn(target: Target, pointer: string): readonly SecretUse[];
  /** The name of the place that a target calls, for people: of a whole target, or of its `originMembers` alone. */
  originOf(target: Target): string;
  /** The members that this needs, besides the type; null where some kind needs them all. */
  originMembers: readonly string[] | null;
  hooks: Redaction<HookCall> & {
    secretsIn(hook: HookCall, pointer: string): readonly SecretUse[];
    /** As for a target: a hook's own members, such as its timeout, are not part of `given`. */
    read(given: unknown, place: HookPlace): Result<HookCall>;
  };
};
