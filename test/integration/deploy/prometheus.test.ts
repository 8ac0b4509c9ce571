import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { compose, imageEnvironment, textOf } from './read.ts';

const { services } = compose;

describe('Prometheus', () => {
  type Config = {
    rule_files: string[];
    scrape_configs: { job_name: string; dns_sd_configs: { names: string[]; type: string; port: number }[] }[];
  };
  type Rule = { alert: string; expr: string; labels: { severity: string } };
  type Rules = { groups: { rules: (Rule | { record: string; expr: string })[] }[] };
  const config = parse(textOf('deploy/prometheus.yml')) as Config;
  const all = (parse(textOf('deploy/alerts.yml')) as Rules).groups.flatMap((group) => group.rules);
  const rules = all.filter((rule): rule is Rule => 'alert' in rule);

  test('scrapes every replica by itself', () => {
    expect(config.scrape_configs.map((each) => each.job_name)).toEqual(['punctual']);
    expect(config.scrape_configs[0]?.dns_sd_configs[0]).toMatchObject({
      names: ['punctual'],
      type: 'A',
      port: Number(imageEnvironment.PORT),
    });
    expect(services.prometheus.networks).toEqual(services.nginx.networks);
    expect(services.punctual.networks).toEqual(expect.arrayContaining(services.prometheus.networks ?? []));
  });

  test('reads the alert rules where they are mounted', () => {
    for (const file of config.rule_files)
      expect(services.prometheus.volumes).toContain(`./deploy/${file.split('/').at(-1)}:${file}:ro`);
  });

  test('alerts on what was promised', () => {
    expect(rules.map((rule) => rule.alert)).toEqual(
      expect.arrayContaining([
        'PunctualDown',
        'PunctualLate',
        'PunctualFencedWrites',
        'PunctualTakeovers',
        'PunctualSweepRepairs',
        'PunctualClockJumped',
        'PunctualZoneDataDiffers',
        'PunctualEventLoopLag',
        'PunctualRunsFail',
      ]),
    );
    for (const rule of rules) expect(['warning', 'critical'], rule.alert).toContain(rule.labels.severity);
  });

  test('asks only for metrics, and labels of theirs, that a replica has', async () => {
    const known = await seriesOfReplica();
    for (const rule of all) if ('record' in rule) known.set(rule.record, new Set(['job', 'namespace', 'task_name']));
    for (const rule of all) {
      const { expr } = rule;
      const alert = 'alert' in rule ? rule.alert : rule.record;
      const used = selectors(expr);
      expect(used.length, alert).toBeGreaterThan(0);
      for (const { name, labels } of used) {
        expect([...known.keys()], alert).toContain(name);
        expect([...(known.get(name) ?? [])], `${alert}: ${name}`).toEqual(expect.arrayContaining(labels));
        expect(labels, `${alert}: ${name}`).toContain('job');
      }
    }
  });

  test('the reader of expressions sees what it is meant to see', () => {
    expect(
      selectors('sum by (job, le) (rate(a_bucket{job="x", b=~"c{d"}[5m])) / on () up > 0.5 unless absent(d)'),
    ).toEqual([
      { name: 'a_bucket', labels: ['job', 'b'] },
      { name: 'up', labels: [] },
      { name: 'd', labels: [] },
    ]);
  });

  /** Every series of a replica that has done everything once, and of the scrape itself, with its label names. */
  async function seriesOfReplica(): Promise<Map<string, Set<string>>> {
    const metrics = createMetrics({ taskLabel: 'id', version: '1', monotonic: () => 0, now: () => 0 });
    onTestFinished(() => metrics.close());
    metrics.runCompleted({
      namespace: 'default',
      taskId: 'a',
      runId: '0',
      status: 'failed',
      durationMs: 1,
      latenessMs: 1,
    });
    metrics.claims('won', 1);
    metrics.requestAnswered('GET', '/tasks', 200, 1);
    metrics.observeState(() => ({
      running: 0,
      tasks: 0,
      leaseRemainingMs: 0,
      clockOffsetMs: 0,
      clockJumped: false,
      zones: { own: '2025c', newest: '2025c', outdated: false, versions: ['2025c'] },
      breakers: [],
      dependencies: { postgres: true },
    }));
    const series = new Map<string, Set<string>>([['up', new Set(['job', 'instance'])]]);
    for (const line of (await metrics.page(false)).text.split('\n')) {
      const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
      if (name === undefined) continue;
      const names = series.get(name) ?? new Set(['job', 'instance']);
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) names.add(label);
      series.set(name, names);
    }
    return series;
  }
});

/** The metrics that a PromQL expression selects, with the labels that it compares. */
function selectors(expr: string): { name: string; labels: string[] }[] {
  const words = new Set(['by', 'on', 'without', 'ignoring', 'and', 'or', 'unless', 'bool', 'offset']);
  return [
    ...expr
      .replace(/"[^"]*"/g, '""')
      .replace(/\b(by|on|without|ignoring) *\([^)]*\)/g, '')
      .replace(/\[\w+\]/g, '')
      .matchAll(/\b([a-z_][\w:]*)\b(?! *\()(?:\{([^}]*)\})?/g),
  ]
    .map(([, name = '', matchers = '']) => ({
      name,
      labels: [...matchers.matchAll(/(\w+)(?==|!)/g)].map((match) => match[1] as string),
    }))
    .filter(({ name }) => !words.has(name));
}
