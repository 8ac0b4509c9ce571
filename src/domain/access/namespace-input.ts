/** Reads a client's description of a namespace. */

import type { FieldError, Result } from '../../errors.ts';
import { formatDuration, readDuration } from '../input/duration.ts';
import { isNamespaceId } from './namespace.ts';
import type { Quotas } from './quotas.ts';

/** A namespace as its owner describes it. */
export type NamespaceDefinition = {
  description: string | null;
  labels: Record<string, string>;
  /** Only the quotas that are set. */
  quotas: Partial<Quotas>;
  weight: number;
  /** Rules as in TARGET_ALLOW and TARGET_DENY, in lower case; null adds nothing. */
  targetAllow: string[] | null;
  targetDeny: string[] | null;
};

/** The form has been checked: the types of members, and which there are. An absent member is as null. */
export type NamespaceInput = { [Member in keyof NamespaceDefinition]?: NamespaceDefinition[Member] | null };

const mostWeight = 1_000;
const mostOfAQuota = 2_147_483_647;
/** Without a place for a single run, no due run would ever end. All other numbers may be 0: then there is nothing. */
const leastOfRuns = 1;
const mostRules = 256;
const durations: readonly string[] = ['minInterval', 'historyRetention'] satisfies (keyof Quotas)[];

/**
 * The namespace of an input, or every fault in it with its pointer. `faultInRule` gives the fault of one rule about
 * addresses, as a phrase, or null.
 */
export function readNamespace(
  id: string,
  input: NamespaceInput,
  faultInRule: (rule: string) => string | null,
): Result<NamespaceDefinition> {
  const errors: FieldError[] = [];
  const refuse = (pointer: string, detail: string) => void errors.push({ pointer, detail });
  if (!isNamespaceId(id))
    refuse('#/id', 'must be 1 to 63 lower-case letters, digits or hyphens, the first a letter or digit');
  const weight = input.weight ?? 1;
  if (!isWhole(weight, 1, mostWeight)) refuse('#/weight', `must be a whole number from 1 to ${mostWeight}`);
  const quotas = readQuotas(input.quotas ?? {}, refuse);
  const rulesAt = (pointer: string, rules: readonly string[] | null | undefined): string[] | null => {
    if (rules === null || rules === undefined) return null;
    if (rules.length > mostRules) refuse(pointer, `has more than ${mostRules} rules`);
    for (const [place, rule] of rules.entries()) {
      const detail = faultInRule(rule);
      if (detail !== null) refuse(`${pointer}/${place}`, detail);
    }
    return [...new Set(rules.map((rule) => rule.trim().toLowerCase()))];
  };
  const targetAllow = rulesAt('#/targetAllow', input.targetAllow);
  const targetDeny = rulesAt('#/targetDeny', input.targetDeny);
  if (errors.length > 0) return { ok: false, errors };
  const { description = null, labels } = input;
  return { ok: true, value: { description, labels: labels ?? {}, quotas, weight, targetAllow, targetDeny } };
}

/** The quotas that are set, durations in their canonical form. */
function readQuotas(
  given: Partial<Quotas>,
  refuse: (pointer: string, detail: string) => void,
): NamespaceDefinition['quotas'] {
  const set: [string, number | string][] = [];
  for (const [name, value] of Object.entries(given)) {
    if (value === null) continue;
    const pointer = `#/quotas/${name}`;
    if (durations.includes(name)) {
      const read = readDuration(String(value));
      if (!read.ok) refuse(pointer, read.errors);
      else if (read.value === 0) refuse(pointer, 'must be longer than 0s; null sets no quota');
      else set.push([name, formatDuration(read.value)]);
      continue;
    }
    const least = name === 'concurrentRuns' ? leastOfRuns : 0;
    if (isWhole(value, least, mostOfAQuota)) set.push([name, value]);
    else refuse(pointer, `must be a whole number from ${least} to ${mostOfAQuota}; null sets no quota`);
  }
  return Object.fromEntries(set);
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}
