/** A kind of target: one value, made by one folder. No other code knows its inside. */

import type {
  HookCall,
  HookSchema,
  Redaction,
  SecretUse,
  Target,
  TargetPlace,
  TargetSchema,
  Targets,
} from '../domain/task/target.ts';
import type { Result } from '../errors.ts';
import type { Attempt, StartedAttempt } from './executor.ts';

/** A kind of target. `T` is its canonical form, which is stored, shown and handed to `start`. */
export type ExecutorKind<T extends Target = Target> = Redaction<T> & {
  /** The `type` of its targets. */
  type: T['type'];
  schema: TargetSchema;
  /** The canonical target of a client's input, or every fault with its pointer. Never throws. */
  read(given: unknown, place: TargetPlace): Result<T>;
  asInput(target: T): object;
  asShown(target: T): object;
  /** Each place of a secret in a target; absent for a kind that fills in none. */
  secretsIn?(target: T, pointer: string): readonly SecretUse[];
  /** The group whose slots and circuit the calls of this target share: an origin, a pool. Never throws. */
  groupOf(target: T): string;
  /**
   * The name of the place that a target calls, for people: an origin, a pool. It needs these members of the target
   * alone, so that it can be told of very many. Absent where that is the group.
   */
  origin?: { members: readonly string[]; of(part: Target): string };
  /** Prepares the parts that are the same for every attempt, for as long as the target is kept. Never throws. */
  prepare(target: T): void;
  /** Starts one attempt. Never throws: every end is an outcome. */
  start(attempt: Attempt<T>): StartedAttempt;
  /** Ends all attempts as cancelled, and releases the resources of the kind. */
  close(): void;
};

/** How hooks are called: by one of the kinds. */
export type HookKind = Targets['hooks'] & {
  schema: HookSchema;
  /** The target whose one attempt sends the message. */
  targetOf(hook: HookCall, message: HookMessage): Target;
};

/** The message to a hook: a JSON body and its media type. */
export type HookMessage = { contentType: string; body: object };
