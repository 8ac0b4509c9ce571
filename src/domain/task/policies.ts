/** The policies of a task beyond schedule, target and retry: limits, hooks, long work, a fallback. */

import type { FieldError, Result } from '../../errors.ts';
import { formatDuration, readDuration } from '../input/duration.ts';
import { signingSecretFaults } from './signing-secret.ts';
import type { HookCall, Target, TargetReader } from './target.ts';

/** At most `limit` runs at once of all tasks that name the key. */
export type Concurrency = { key: string; limit: number };

/** At most `limit` attempts started within any `period` by all tasks that name the key. */
export type Rate = { key: string; limit: number; period: string };

/** A call made about a run, not for it. */
export type Hook = { timeout: string } & HookCall;

/** Asked before a run's first attempt; `onError` decides where there is no usable answer. */
export type BeforeHook = Hook & { onError: (typeof hookErrors)[number] };

export const hookErrors = ['run', 'skip'] as const;
/** The hooks that hear of events. */
export const eventHooks = ['onSuccess', 'onFailure', 'onRecovery', 'onMissed'] as const;
export type EventHook = (typeof eventHooks)[number];
export type Hooks = { before: BeforeHook | null } & Record<EventHook, Hook | null>;

/**
 * Signs the calls of one task, besides the secrets that sign all calls. `secret`: `whsec_…`, or several, newest first,
 * with blanks between.
 */
export type Signing = { secret: string };

/** The canonical form; durations in canonical text, null = not asked for. */
export type Policies = {
  maxConcurrency: number | null;
  concurrency: Concurrency | null;
  rate: Rate | null;
  hooks: Hooks | null;
  /** A run may be held and completed later, as long as its holder sends a heartbeat at least this often. */
  heartbeatTimeout: string | null;
  /** Called instead of the target while the circuit to that one is open. */
  fallback: Target | null;
  signing: Signing | null;
};

type Given<T> = { [Key in keyof T]?: T[Key] | null };
type HookInput = string | (Given<Pick<BeforeHook, 'timeout' | 'onError'>> & HookCall);

/** A client's input: the HTTP layer has checked the shape of every member. */
export type PoliciesInput = {
  maxConcurrency?: number | null;
  concurrency?: Given<Concurrency> | null;
  rate?: Given<Rate> | null;
  hooks?: Given<Record<keyof Hooks, HookInput>> | null;
  heartbeatTimeout?: string | null;
  fallback?: unknown;
  signing?: Given<Signing> | null;
  /** Shorthand for `template` in target and fallback. */
  template?: boolean | null;
};

const longestPeriodMs = 24 * 3_600_000;
const longestHookTimeoutMs = 60_000;
const longestHeartbeatMs = 24 * 3_600_000;

/**
 * The canonical policies, and every fault of the input. An address that `stored` has in the same place is not
 * judged by settings again.
 */
export function readPolicies(
  input: PoliciesInput,
  targets: TargetReader,
  stored: Policies | null = null,
): { policies: Policies; errors: FieldError[] } {
  const errors: FieldError[] = [];
  const duration = (pointer: string, text: string, least: number, most: number): string => {
    const read = readDuration(text);
    if (!read.ok) errors.push({ pointer, detail: read.errors });
    else if (read.value < least || read.value > most)
      errors.push({ pointer, detail: `must lie between ${formatDuration(least)} and ${formatDuration(most)}` });
    return read.ok ? formatDuration(read.value) : text;
  };
  const required = (pointer: string, members: object, ...names: string[]) => {
    for (const name of names)
      if ((members as Record<string, unknown>)[name] == null)
        errors.push({ pointer: `${pointer}/${name}`, detail: 'must be given' });
  };
  const taken = <T>(read: Result<T>): T | null => {
    if (!read.ok) errors.push(...read.errors);
    return read.ok ? read.value : null;
  };
  const hook = (name: keyof Hooks, given: HookInput | null | undefined): BeforeHook | null => {
    if (given === null || given === undefined) return null;
    const pointer = `#/hooks/${name}`;
    const { timeout, onError, ...call } = typeof given === 'string' ? ({} as Given<BeforeHook>) : given;
    const read = targets.hooks.read(typeof given === 'string' ? given : call, {
      pointer,
      stored: stored?.hooks?.[name] ?? null,
    });
    if (onError != null && name !== 'before')
      errors.push({
        pointer: `${pointer}/onError`,
        detail: 'is for hooks.before only: no other hook decides anything',
      });
    return {
      ...taken(read),
      timeout: duration(`${pointer}/timeout`, timeout ?? '10s', 1, longestHookTimeoutMs),
      onError: onError ?? 'run',
    };
  };
  const fallback = (given: unknown): Target | null =>
    taken(targets.read(given, { pointer: '#/fallback', stored: stored?.fallback ?? null, template: input.template }));
  const told = (name: EventHook, given: HookInput | null | undefined): Hook | null => {
    const read = hook(name, given);
    if (read === null) return null;
    const { onError: _, ...rest } = read;
    return rest;
  };

  const signing = (given: Given<Signing> | null | undefined): Signing | null => {
    if (given === null || given === undefined) return null;
    if (given.secret == null) {
      errors.push({ pointer: '#/signing/secret', detail: 'must be given' });
      return null;
    }
    const secrets = given.secret.split(/[\s,]+/).filter((word) => word !== '');
    const detail = signingSecretFaults(secrets)[0] ?? null;
    if (detail !== null) errors.push({ pointer: '#/signing/secret', detail });
    return { secret: secrets.join(' ') };
  };

  const { concurrency, rate, hooks } = input;
  if (concurrency) required('#/concurrency', concurrency, 'key', 'limit');
  if (rate) required('#/rate', rate, 'key', 'limit', 'period');
  const policies: Policies = {
    maxConcurrency: input.maxConcurrency ?? null,
    concurrency: concurrency ? { key: concurrency.key ?? '', limit: concurrency.limit ?? 1 } : null,
    rate: rate
      ? {
          key: rate.key ?? '',
          limit: rate.limit ?? 1,
          period: rate.period == null ? '' : duration('#/rate/period', rate.period, 1, longestPeriodMs),
        }
      : null,
    hooks: hooks
      ? {
          before: hook('before', hooks.before),
          onSuccess: told('onSuccess', hooks.onSuccess),
          onFailure: told('onFailure', hooks.onFailure),
          onRecovery: told('onRecovery', hooks.onRecovery),
          onMissed: told('onMissed', hooks.onMissed),
        }
      : null,
    heartbeatTimeout:
      input.heartbeatTimeout == null
        ? null
        : duration('#/heartbeatTimeout', input.heartbeatTimeout, 100, longestHeartbeatMs),
    fallback: input.fallback == null ? null : fallback(input.fallback),
    signing: signing(input.signing),
  };
  if (policies.hooks !== null && Object.values(policies.hooks).every((one) => one === null)) policies.hooks = null;
  return { policies, errors };
}
