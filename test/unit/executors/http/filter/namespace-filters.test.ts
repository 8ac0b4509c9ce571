import { expect, test } from 'vitest';
import type { NamespaceRules } from '../../../../../src/domain/access/namespace-rules.ts';
import { allQuotas } from '../../../../../src/domain/access/quotas.ts';
import { createNamespaceFilters } from '../../../../../src/executors/http/filter/namespace-filters.ts';
import { createTargetFilter } from '../../../../../src/executors/http/filter/target-filter.ts';
import { startTarget, status } from '../../../../target.ts';
import { attemptOn, startExecutor } from '../harness.ts';

const rulesOf = (targetAllow: string[] | null, targetDeny: string[] | null): NamespaceRules => ({
  ...{ id: 'billing', weight: 1, quotas: allQuotas({}), closing: false, targetAllow, targetDeny },
});
const ofSettings = createTargetFilter({ deny: ['10.0.0.3', 'no.example'], allow: ['10.0.0.0/24', '.example'] });

test('a namespace narrows what the settings allow, and never widens it', () => {
  const of = (rules: NamespaceRules | null) => createNamespaceFilters(ofSettings, () => rules)('billing').filter;
  const wide = of(rulesOf(['0.0.0.0/0', '.example', '.test'], null));
  const narrow = of(rulesOf(null, ['10.0.0.4', 'other.example']));
  for (const filter of [wide, narrow, of(null)]) {
    expect(filter.refusesUrl('http://no.example/')).toMatch(/TARGET_DENY/);
    expect(filter.refusesUrl('http://10.0.0.3/')).toMatch(/TARGET_DENY/);
    expect(filter.refusesAddress('a.test', '10.0.0.3')).toMatch(/TARGET_DENY/);
    expect(filter.refusesAddress('a.test', '10.1.0.1')).toMatch(/TARGET_ALLOW/);
    expect(filter.refusesHost('a.example')).toBeNull();
    expect(filter.refusesAddress('a.example', '10.0.0.5')).toBeNull();
  }
  expect(narrow.refusesUrl('http://10.0.0.4/')).toMatch(/targetDeny of namespace billing/);
  expect(narrow.refusesAddress('a.example', '10.0.0.4')).toMatch(/targetDeny of namespace billing/);
  expect(narrow.refusesUrl('http://other.example/')).toMatch(/targetDeny of namespace billing/);
});

test('a call that waits for a connection is not sent by rules that have changed meanwhile', async () => {
  const target = await startTarget();
  let mark = 'billing#1';
  const filter = createTargetFilter({ deny: [], allow: [] });
  const executor = startExecutor({ maxConnectionsPerOrigin: 1, filterOf: () => ({ filter, mark }) });
  let answer = () => {};
  target.setBehaviour((response, request, socket) => {
    answer = () => status(200)(response, request, socket);
  });
  const first = executor.execute(attemptOn({ url: target.url })).outcome;
  await target.waitFor((requests) => requests.length === 1);
  const second = executor.execute(attemptOn({ url: target.url })).outcome;
  mark = 'billing#2';
  answer();
  expect(await first).toMatchObject({ status: 'succeeded' });
  expect(await second).toMatchObject({ status: 'deferred' });
  expect(target.requests).toHaveLength(1);
  await target.close();
});
