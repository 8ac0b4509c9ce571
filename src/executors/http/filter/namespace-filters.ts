/** The filters of namespaces: the rules of the settings, narrowed by those of a namespace. */

import type { NamespaceRules } from '../../../domain/access/namespace-rules.ts';
import { parseAddressRules } from './address-rules.ts';
import { createTargetFilter, type TargetFilter } from './target-filter.ts';

/**
 * `mark` tells filters apart: a connection that one filter let through serves no call of another. It is empty where only
 * the rules of the settings hold.
 */
export type NamespaceFilter = { filter: TargetFilter; mark: string };

/** The filter of a namespace, by its rules as of now. */
export type FilterOf = (namespace: string) => NamespaceFilter;

/** `rulesOf` gives the same value until the rules of a namespace change; null where it has none that are known. */
export function createNamespaceFilters(
  ofSettings: TargetFilter,
  rulesOf: (namespace: string) => NamespaceRules | null,
): FilterOf {
  const plain: NamespaceFilter = { filter: ofSettings, mark: '' };
  const made = new WeakMap<NamespaceRules, NamespaceFilter>();
  let count = 0;

  function make({ id, targetAllow, targetDeny }: NamespaceRules): NamespaceFilter {
    const own = createTargetFilter(
      { deny: expanded(targetDeny ?? []), allow: expanded(targetAllow ?? []) },
      { deny: `the targetDeny of namespace ${id}`, allow: `the targetAllow of namespace ${id}` },
    );
    return { filter: both(ofSettings, own), mark: `${id}#${++count}` };
  }

  return (namespace) => {
    const rules = rulesOf(namespace);
    if (rules === null || (!rules.targetAllow?.length && !rules.targetDeny?.length)) return plain;
    const known = made.get(rules);
    if (known !== undefined) return known;
    const filter = make(rules);
    made.set(rules, filter);
    return filter;
  };
}

/** The words of a list, with what `private` stands for. Words that are not valid here are left out. */
function expanded(rules: readonly string[]): string[] {
  return rules.flatMap((rule) => {
    const read = parseAddressRules(rule);
    return read.ok ? read.value : [];
  });
}

function both(first: TargetFilter, second: TargetFilter): TargetFilter {
  return {
    refusesUrl: (url) => first.refusesUrl(url) ?? second.refusesUrl(url),
    refusesHost: (host) => first.refusesHost(host) ?? second.refusesHost(host),
    refusesAddress: (host, address) => first.refusesAddress(host, address) ?? second.refusesAddress(host, address),
    refusesUnresolved: (host) => first.refusesUnresolved(host) ?? second.refusesUnresolved(host),
  };
}
