/** HTTP targets and hooks in the definition of a task: read, shown, and without their credentials. */

import { isDeepStrictEqual } from 'node:util';
import { alreadyJson } from '../../domain/input/json-text.ts';
import type { HookCall } from '../../domain/task/target.ts';
import { ok, type Result } from '../../errors.ts';
import type { ExecutorKind, HookKind } from '../kind.ts';
import { type Call, matchHeaderNames, redactCall, restoreCall } from './target/credentials.ts';
import { httpHookSchema, httpTargetSchema } from './target/schema.ts';
import { exactBody } from './target/stored-body.ts';
import { type HttpTarget, refusedAddresses } from './target/target.ts';
import { readTemplatedTarget, secretsIn } from './template/template.ts';

/** Why settings, or the rules of the namespace, refuse this address; or null. */
export type RefusesUrl = (url: string, namespace: string | undefined) => string | null;

/** The part of a kind of target that needs no connection. */
export type HttpTargetDefinition = Omit<ExecutorKind<HttpTarget>, 'groupOf' | 'prepare' | 'start' | 'close'>;

export function httpTargetDefinition(refusesUrl: RefusesUrl): HttpTargetDefinition {
  return {
    type: 'http',
    schema: httpTargetSchema,
    read(given, { pointer, stored, template, namespace }) {
      const wanted = withTemplate(given, template);
      if (isDeepStrictEqual(wanted, stored)) return ok(stored as HttpTarget);
      return accepted(readTemplatedTarget(wanted, pointer), stored as HttpTarget | null, pointer, (url) =>
        refusesUrl(url, namespace),
      );
    },
    origin: { members: ['url'], of: (part) => originOf(part as Partial<HttpTarget>) },
    redact: redactCall,
    restore: restoreCall,
    alignPatch: matchHeaderNames,
    asInput: ({ bodyText, ...target }) =>
      bodyText === undefined ? target : { ...target, body: exactBody({ body: target.body, bodyText }) },
    asShown(target) {
      const { bodyText, ...shown } = target;
      return bodyText === undefined ? target : { ...shown, body: alreadyJson(bodyText) };
    },
    secretsIn,
  };
}

/** Scheme, host and port. */
function originOf({ url = '' }: Partial<HttpTarget>): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

/** All that is known of the subject of a hook's message. */
const hookNames = ['scheduledFor', 'attempt', 'runId', 'taskId', 'trigger'];

/** A hook as it is stored. */
type HttpHook = HookCall & { url: string; headers: Record<string, string>; template?: true };

/** Hooks are called by a POST whose answer must be of the class 2xx. */
export function httpHooks(refusesUrl: RefusesUrl): HookKind {
  return {
    schema: httpHookSchema,
    read(given, { pointer, stored, namespace }) {
      const read = accepted(
        readTemplatedTarget(asTarget(given), pointer, hookNames),
        stored as HttpHook | null,
        pointer,
        (url) => refusesUrl(url, namespace),
      );
      if (!read.ok) return read;
      const { url, headers, template } = read.value;
      return ok({ url, headers, ...(template && { template }) });
    },
    redact: (hook) => redactCall(hook as HookCall & Call),
    restore: (given, stored, refuse) => restoreCall(given, stored as (HookCall & Call) | null, refuse),
    alignPatch: (patch, stored) => matchHeaderNames(patch, stored as HookCall & Call),
    targetOf(hook, { contentType, body }): HttpTarget {
      const { url, headers, template } = hook as HttpHook;
      return {
        type: 'http',
        method: 'POST',
        url,
        headers: { ...headers, 'content-type': contentType },
        body,
        successStatus: ['2xx'],
        ...(template && { template, plainBody: true }),
      };
    },
    secretsIn: (hook, pointer) => secretsIn(asTarget(hook) as HttpTarget, pointer),
  };
}

/** A hook that a client sent, as a target. Unknown members have been refused by its schema. */
function asTarget(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  const { url, headers, template } = given as { url?: unknown; headers?: unknown; template?: unknown };
  return { url: url ?? '', headers: headers ?? {}, template };
}

/**
 * A target that settings accept too. Addresses that `stored` already has are not checked again: settings may have
 * changed since.
 */
function accepted(
  read: Result<HttpTarget>,
  stored: Pick<HttpTarget, 'url' | 'proxy'> | null,
  pointer: string,
  refusesUrl: (url: string) => string | null,
): Result<HttpTarget> {
  if (!read.ok) return read;
  const errors = refusedAddresses(read.value, stored, pointer, refusesUrl);
  return errors.length > 0 ? { ok: false, errors } : read;
}

/** A target with the task's own `template` in it, where that is said. */
function withTemplate(target: unknown, template: boolean | null | undefined): unknown {
  if (template === null || template === undefined) return target;
  return typeof target === 'object' ? { ...target, template } : { url: target, template };
}
