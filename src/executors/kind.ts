/** What a kind of target consists of: one value, made by one folder, that nothing else has to know the inside of. */

import type {
  HookCall,
  HookSchema,
  Redaction,
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
  /** The canonical target for what a client sent, or every fault with its pointer. Never throws. */
  read(given: unknown, place: TargetPlace): Result<T>;
  asInput(target: T): object;
  asShown(target: T): object;
  /** What calls of this target share slots and a circuit with: an origin, a pool. Never throws. */
  groupOf(target: T): string;
  /** Does ahead, for as long as the target is kept, what is the same for every attempt. Never throws. */
  prepare(target: T): void;
  /** Starts one attempt. Never throws: whatever happens is an outcome. */
  start(attempt: Attempt<T>): StartedAttempt;
  /** Ends all attempts as cancelled, and lets go of what the kind holds. */
  close(): void;
};

/** How hooks are called: by one of the kinds. */
export type HookKind = Targets['hooks'] & {
  schema: HookSchema;
  /** The target whose one attempt sends the message. */
  targetOf(hook: HookCall, message: HookMessage): Target;
};

/** What a hook is told: a JSON body and its media type. */
export type HookMessage = { contentType: string; body: object };
