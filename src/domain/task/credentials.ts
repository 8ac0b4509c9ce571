/** Credentials in the definition of a task: hidden behind a mask, and put back where the mask comes back. */

import { type FieldError, ok, type Result } from '../../errors.ts';
import { pointerPart } from '../input/field.ts';
import { isObject } from '../input/merge-patch.ts';
import type { HookCall, Redaction, Target, Targets } from './target.ts';

/** Stands for a value that is not shown. No header can hold it: its characters are not Latin-1. */
export const mask = '••••••';

/** The parts of a definition that may hold credentials. */
type Definition = {
  target: Target;
  fallback: Target | null;
  hooks: Record<string, HookCall | null> | null;
  signing: { secret: string } | null;
};

/** A definition as readers, operators and events see it. */
export function redactDefinition<T extends Definition>(definition: T, targets: Targets): T {
  const { target, fallback, hooks } = definition;
  return {
    ...hideSigning(definition),
    target: targets.redact(target),
    fallback: fallback && targets.redact(fallback),
    hooks:
      hooks &&
      Object.fromEntries(Object.entries(hooks).map(([name, hook]) => [name, hook && targets.hooks.redact(hook)])),
  };
}

/** A definition as its owner sees it: without the signing secret, which is never shown. */
export function hideSigning<T extends Pick<Definition, 'signing'>>(definition: T): T {
  return definition.signing === null ? definition : { ...definition, signing: { ...definition.signing, secret: mask } };
}

/** A client's input; every member may have any form. */
type Given = { target?: unknown; fallback?: unknown; hooks?: unknown; signing?: unknown };

/**
 * Puts the stored value wherever a client sent the mask back, which means "unchanged". A mask that stands for nothing
 * stored (`stored` is null for a task that is created) is a fault with its pointer.
 */
export function restoreCredentials<T extends Given>(input: T, stored: Definition | null, targets: Targets): Result<T> {
  const errors: FieldError[] = [];
  const part = <P>(kind: Redaction<P>, given: unknown, kept: P | null | undefined, pointer: string): unknown =>
    kind.restore(given, kept ?? null, (path, detail) => void errors.push({ pointer: `${pointer}${path}`, detail }));
  const { target, fallback, hooks, signing } = input;
  const read = {
    ...input,
    ...('target' in input ? { target: part(targets, target, stored?.target, '#/target') } : {}),
    ...('fallback' in input ? { fallback: part(targets, fallback, stored?.fallback, '#/fallback') } : {}),
    ...(isObject(hooks)
      ? {
          hooks: Object.fromEntries(
            Object.entries(hooks).map(([name, hook]) => [
              name,
              part(targets.hooks, hook, stored?.hooks?.[name], `#/hooks/${pointerPart(name)}`),
            ]),
          ),
        }
      : {}),
    ...('signing' in input
      ? {
          signing: restoreMember(signing, 'secret', stored?.signing?.secret, (path, detail) => {
            errors.push({ pointer: `#/signing${path}`, detail });
          }),
        }
      : {}),
  };
  return errors.length > 0 ? { ok: false, errors } : ok(read);
}

/**
 * `holder` with `kept` in place of a mask that its member `name` is. `refuse` is called where nothing is kept. Any
 * other value is returned as it is.
 */
export function restoreMember(
  holder: unknown,
  name: string,
  kept: string | null | undefined,
  refuse: (path: string, detail: string) => void,
): unknown {
  if (!isObject(holder) || holder[name] !== mask) return holder;
  if (kept == null) refuse(`/${pointerPart(name)}`, standsForNothing);
  return { ...holder, [name]: kept ?? mask };
}

/** The fault of a mask where nothing is stored. */
export const standsForNothing = `is the mask "${mask}", which stands for a stored value, and none is stored here`;

/** A merge patch with the members of its targets and hooks named as they are stored. */
export function alignPatch(
  patch: Record<string, unknown>,
  stored: Definition,
  targets: Targets,
): Record<string, unknown> {
  const align = <P>(kind: Redaction<P>, given: unknown, kept: P | null | undefined) =>
    kept ? kind.alignPatch(given, kept) : given;
  const { target, fallback, hooks } = patch;
  return {
    ...patch,
    ...('target' in patch ? { target: align(targets, target, stored.target) } : {}),
    ...('fallback' in patch ? { fallback: align(targets, fallback, stored.fallback) } : {}),
    ...(isObject(hooks)
      ? {
          hooks: Object.fromEntries(
            Object.entries(hooks).map(([name, hook]) => [name, align(targets.hooks, hook, stored.hooks?.[name])]),
          ),
        }
      : {}),
  };
}
