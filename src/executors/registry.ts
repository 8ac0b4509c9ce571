/** The kinds of target that a replica knows, behind one value: each call goes to the kind that the type names. */

import type { HookCall, Target, TargetSchemas, Targets } from '../domain/task/target.ts';
import { fault } from '../errors.ts';
import type { Executor } from './executor.ts';
import type { ExecutorKind, HookKind, HookMessage } from './kind.ts';
import { failedOutcome } from './outcomes.ts';

export type Registry = {
  /** For code that reads, shows and redacts targets. */
  targets: Targets & { schemas: TargetSchemas };
  /** The group whose slots and circuit the calls of this target share; its name includes the kind. */
  groupOf(target: Target): string;
  /** Prepares the parts that are the same for every attempt on this target. */
  prepare(target: Target): void;
  start: Executor;
  /** The target of a hook's call. */
  hookTarget(hook: HookCall, message: HookMessage): Target;
  close(): void;
};

/**
 * `kinds` have distinct types; the first is that of a target that names none, or an unknown one, which it refuses. A
 * stored target may be of an unknown type while replicas of several versions run: it is shown by its type alone, and
 * its attempts fail.
 */
export function createRegistry(kinds: readonly [ExecutorKind, ...ExecutorKind[]], hooks: HookKind): Registry {
  const [first] = kinds;
  const byType = new Map(kinds.map((kind) => [kind.type, kind]));
  const kindOf = ({ type }: Target) => byType.get(type) ?? unknownKind(type);

  /** The kind that a client's input names; null where it names none, or an unknown one. */
  function namedKind(given: unknown): ExecutorKind | null {
    const type = typeof given === 'object' && given !== null && 'type' in given ? given.type : null;
    return (typeof type === 'string' ? byType.get(type) : null) ?? null;
  }

  /** The kind that a client's input is meant for. */
  const kindFor = (given: unknown) => namedKind(given) ?? first;

  /** A stored target in the place of one of another kind has nothing to give to it. */
  const ofKind = ({ type }: ExecutorKind, stored: Target | null) => (stored?.type === type ? stored : null);

  /** The name of a group includes the kind, so that kinds do not share one. */
  const named = ({ type }: Target, group: string) => (type === first.type ? group : `${type}:${group}`);

  return {
    targets: {
      originOf(target) {
        const { origin, groupOf } = kindOf(target);
        return named(target, origin ? origin.of(target) : groupOf(target));
      },
      originMembers: kinds.every(({ origin }) => origin !== undefined)
        ? [...new Set(kinds.flatMap(({ origin }) => origin?.members ?? []))]
        : null,
      read(given, place) {
        const kind = kindFor(given);
        return kind.read(given, { ...place, stored: ofKind(kind, place.stored) });
      },
      restore(given, stored, refuse) {
        const kind = kindFor(given);
        return kind.restore(given, ofKind(kind, stored), refuse);
      },
      redact: (target) => kindOf(target).redact(target),
      alignPatch: (patch, stored) => kindOf(stored).alignPatch(patch, stored),
      asInput(stored, patch) {
        const kind = namedKind(patch);
        return kind && kind.type !== stored.type ? {} : kindOf(stored).asInput(stored);
      },
      asShown: (target) => kindOf(target).asShown(target),
      secretsIn: (target, pointer) => kindOf(target).secretsIn?.(target, pointer) ?? [],
      hooks,
      schemas: { targets: new Map(kinds.map(({ type, schema }) => [type, schema])), hooks: hooks.schema },
    },
    groupOf: (target) => named(target, kindOf(target).groupOf(target)),
    prepare: (target) => kindOf(target).prepare(target),
    start: (attempt) => kindOf(attempt.target).start(attempt),
    hookTarget: hooks.targetOf,
    close() {
      for (const kind of kinds) kind.close();
    },
  };
}

/** Stands for a kind that this version does not have. */
function unknownKind(type: string): ExecutorKind {
  const message = `this replica has no executor for targets of type "${type}"`;
  return {
    type,
    schema: { input: { named: 'UnknownTarget', properties: {} }, shown: {}, misplaced: [] },
    read: (_given, { pointer }) => fault(pointer, message),
    restore: (given) => given,
    redact: () => ({ type }),
    alignPatch: (patch) => patch,
    asInput: () => ({ type }),
    asShown: () => ({ type }),
    groupOf: () => type,
    prepare() {},
    start: () => ({ outcome: Promise.resolve(failedOutcome({ kind: 'internal', message })), cancel() {} }),
    close() {},
  };
}
