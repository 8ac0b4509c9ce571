import { describe, expect, onTestFinished, test } from 'vitest';
import { createMetrics, type Metrics, type MetricsOptions } from '../../../src/observability/metrics.ts';
import type { CompletedRun } from '../../../src/observability/run-series.ts';
import { runDueCallbacks } from '../../clock.ts';

let now = 0;

function started(options: Partial<MetricsOptions> = {}): Metrics {
  const metrics = createMetrics({
    taskLabel: 'id',
    version: '1.2.3',
    monotonic: () => now,
    now: () => now,
    ...options,
  });
  onTestFinished(() => metrics.close());
  return metrics;
}

const completed = (taskId: string, more: Partial<CompletedRun> = {}): CompletedRun => ({
  namespace: 'default',
  taskId,
  runId: '01939000-0000-8000-8000-000000000007',
  status: 'succeeded',
  durationMs: 87,
  latenessMs: 4,
  ...more,
});

/** The samples of one scrape, `name{labels}` to value. */
async function scrape(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.page(false)).text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

async function taskNames(metrics: Metrics): Promise<string[]> {
  const names = [...(await scrape(metrics)).keys()].map(
    (sample) => /^task_executions_total\{task_name="([^"]*)"/.exec(sample)?.[1],
  );
  return names.filter((name) => name !== undefined);
}

test('settled runs are counted by task and status, in seconds', async () => {
  const metrics = started();
  metrics.runCompleted(completed('a'));
  metrics.runCompleted(completed('a', { durationMs: 1_500, latenessMs: 250 }));
  metrics.runCompleted(completed('a', { status: 'failed', latenessMs: null }));
  metrics.runCompleted(completed('b', { status: 'timed_out' }));
  const samples = await scrape(metrics);
  expect(samples.get('task_executions_total{task_name="a",status="succeeded",namespace="default"}')).toBe(2);
  expect(samples.get('task_executions_total{task_name="a",status="failed",namespace="default"}')).toBe(1);
  expect(samples.get('task_executions_total{task_name="b",status="timed_out",namespace="default"}')).toBe(1);
  expect(samples.get('task_duration_seconds_count{task_name="a",namespace="default"}')).toBe(3);
  expect(samples.get('task_duration_seconds_sum{task_name="a",namespace="default"}')).toBeCloseTo(1.674, 6);
  expect(samples.get('task_duration_seconds_bucket{le="0.1",task_name="a",namespace="default"}')).toBe(2);
  expect(samples.get('scheduler_lateness_seconds_count{namespace="default"}')).toBe(3);
  expect(samples.get('scheduler_lateness_seconds_bucket{le="0.003",namespace="default"}')).toBe(0);
  expect(samples.get('scheduler_lateness_seconds_bucket{le="0.005",namespace="default"}')).toBe(2);
  expect(samples.get('scheduler_lateness_seconds_bucket{le="60",namespace="default"}')).toBe(3);
});

test('lateness buckets go from 1 ms to 60 s', async () => {
  const samples = await scrape(started());
  const bounds = [...samples.keys()].flatMap(
    (name) => /^scheduler_lateness_seconds_bucket\{le="(.*)",namespace="default"\}/.exec(name)?.[1] ?? [],
  );
  expect(bounds[0]).toBe('0.001');
  expect(bounds.slice(-2)).toEqual(['60', '+Inf']);
});

test('tasks beyond the limit share one series, and those already seen keep theirs', async () => {
  const metrics = started({ taskLabel: 'id', taskLimit: 2 });
  for (const id of ['a', 'b', 'c', 'd', 'a', 'c']) metrics.runCompleted(completed(id));
  const samples = await scrape(metrics);
  expect(await taskNames(metrics)).toEqual(['a', 'b', '_other']);
  expect(samples.get('task_executions_total{task_name="a",status="succeeded",namespace="default"}')).toBe(2);
  expect(samples.get('task_executions_total{task_name="_other",status="succeeded",namespace="default"}')).toBe(3);
  expect(samples.get('task_duration_seconds_count{task_name="_other",namespace="default"}')).toBe(3);
});

test('the limit is 1,000 tasks unless said otherwise', async () => {
  const metrics = started();
  for (let i = 0; i < 1_500; i++) metrics.runCompleted(completed(`task-${i}`));
  const names = await taskNames(metrics);
  expect(names).toHaveLength(1_001);
  const samples = await scrape(metrics);
  expect(samples.get('task_executions_total{task_name="_other",status="succeeded",namespace="default"}')).toBe(500);
});

test('with the label none all tasks share one series', async () => {
  const metrics = started({ taskLabel: 'none' });
  for (const id of ['a', 'b']) metrics.runCompleted(completed(id));
  expect(await taskNames(metrics)).toEqual(['_other']);
});

test('a forgotten task loses its series and leaves its place to another', async () => {
  const metrics = started({ taskLabel: 'id', taskLimit: 1 });
  metrics.runCompleted(completed('a'));
  metrics.runCompleted(completed('a', { status: 'failed' }));
  metrics.forgetTask('default', 'never-seen');
  metrics.forgetTask('default', 'a');
  expect((await metrics.page(false)).text).not.toContain('task_name="a"');
  metrics.runCompleted(completed('b'));
  metrics.runCompleted(completed('a'));
  expect((await taskNames(metrics)).sort()).toEqual(['_other', 'b']);
  metrics.forgetTask('default', 'b');
  metrics.runCompleted(completed('b'));
  const samples = await scrape(metrics);
  expect(samples.get('task_executions_total{task_name="b",status="succeeded",namespace="default"}')).toBe(1);
});

describe('namespaces', () => {
  const executions = (task: string, namespace: string) =>
    `task_executions_total{task_name="${task}",status="succeeded",namespace="${namespace}"}`;

  test('keep tasks of the same id apart', async () => {
    const metrics = started();
    metrics.runCompleted(completed('a'));
    metrics.runCompleted(completed('a', { namespace: 'billing', latenessMs: 2_000 }));
    metrics.runCompleted(completed('a', { namespace: 'billing' }));
    const samples = await scrape(metrics);
    expect([samples.get(executions('a', 'default')), samples.get(executions('a', 'billing'))]).toEqual([1, 2]);
    expect(samples.get('scheduler_lateness_seconds_bucket{le="1",namespace="billing"}')).toBe(1);
    expect(samples.get('scheduler_lateness_seconds_count{namespace="billing"}')).toBe(2);
    metrics.forgetTask('billing', 'a');
    const { text } = await metrics.page(true);
    expect(text).not.toContain('task_name="a",status="succeeded",namespace="billing"');
    expect(text).toContain('task_name="a",status="succeeded",namespace="default"');
  });

  test('have series of their own up to a limit, the rest share one', async () => {
    const metrics = started({ namespaceLimit: 2, taskLimit: 2 });
    for (const namespace of ['one', 'two', 'three', 'four']) metrics.runCompleted(completed('a', { namespace }));
    metrics.runCompleted(completed('b', { namespace: 'two' }));
    const samples = await scrape(metrics);
    const told = [...samples].filter(([name]) => name.startsWith('task_executions_total'));
    expect(told).toEqual([
      [executions('a', 'one'), 1],
      [executions('a', 'two'), 1],
      [executions('_other', '_other'), 2],
      [executions('_other', 'two'), 1],
    ]);
  });

  test('leave their places to others when they are deleted', async () => {
    const metrics = started({ namespaceLimit: 1, taskLimit: 1 });
    metrics.runCompleted(completed('a', { namespace: 'one' }));
    metrics.runCompleted(completed('b', { namespace: 'one' }));
    metrics.forgetNamespace('one');
    metrics.forgetNamespace('never-seen');
    expect((await metrics.page(true)).text).not.toContain('namespace="one"');
    metrics.runCompleted(completed('c', { namespace: 'two' }));
    expect((await scrape(metrics)).get(executions('c', 'two'))).toBe(1);
  });
});

test('hostile task ids stay inside their label', async () => {
  const metrics = started();
  const ids = ['constructor', '__proto__', 'a"} 1\nevil_total{x="'];
  for (const taskId of ids) metrics.runCompleted(completed(taskId));
  const { text } = await metrics.page(false);
  expect(text).not.toMatch(/^evil_total/m);
  expect(text).toContain('task_executions_total{task_name="__proto__",status="succeeded",namespace="default"} 1');
});

test('claims, fenced writes, takeovers and requests are counted', async () => {
  const { claims, fencedWrite, takenOver, requestAnswered, ...metrics } = started();
  claims('won', 40);
  claims('won', 2);
  claims('denied', 0);
  fencedWrite();
  takenOver(3);
  takenOver(0);
  requestAnswered('GET', '/tasks/:id', 200, 12);
  const samples = await scrape(metrics as Metrics);
  expect(samples.get('scheduler_claims_total{outcome="won"}')).toBe(42);
  expect(samples.has('scheduler_claims_total{outcome="denied"}')).toBe(false);
  expect(samples.get('scheduler_fenced_writes_total')).toBe(1);
  expect(samples.get('scheduler_taken_over_total')).toBe(3);
  expect(samples.get('http_request_duration_seconds_sum{method="GET",route="/tasks/:id",status="200"}')).toBe(0.012);
});

test('gauges of the state are read at each scrape', async () => {
  const metrics = started();
  const state = {
    running: 3,
    tasks: 100,
    leaseRemainingMs: 7_500,
    clockOffsetMs: -20,
    clockJumped: true,
    zones: { own: '2025b', newest: '2025c', outdated: true, versions: ['2025c', '2025b'] },
    breakers: [],
    dependencies: { postgres: true, redis: false },
  };
  metrics.observeState(() => state);
  const first = await scrape(metrics);
  expect(first.get('scheduler_running')).toBe(3);
  expect(first.get('scheduler_active_tasks')).toBe(100);
  expect(first.get('scheduler_lease_remaining_seconds')).toBe(7.5);
  expect(first.get('scheduler_clock_offset_seconds')).toBe(-0.02);
  expect(first.get('scheduler_clock_jumped')).toBe(1);
  expect(first.get('scheduler_tz_info{version="2025b"}')).toBe(1);
  expect(first.get('scheduler_tz_versions')).toBe(2);
  expect(first.get('scheduler_tz_outdated')).toBe(1);
  expect(first.get('dependencies_up{dependency="postgres"}')).toBe(1);
  expect(first.get('dependencies_up{dependency="redis"}')).toBe(0);
  state.running = 0;
  state.leaseRemainingMs = -100;
  const second = await scrape(metrics);
  expect(second.get('scheduler_running')).toBe(0);
  expect(second.get('scheduler_lease_remaining_seconds')).toBe(0);
});

test('the lag of the event loop is what held it up in the last seconds', async () => {
  const metrics = started();
  const lag = async () => (await scrape(metrics)).get('scheduler_event_loop_lag_seconds') ?? Number.NaN;
  const deadline = performance.now() + 20_000;
  let seen = 0;
  while (seen < 0.2 && performance.now() < deadline) {
    // The measuring timer fires once the loop goes on.
    const end = performance.now() + 300;
    while (performance.now() < end);
    await runDueCallbacks();
    seen = await lag();
  }
  expect(seen).toBeGreaterThan(0.2);
  expect(seen).toBeLessThan(20);
  // A second scraper sees it too, also after a window of fifteen seconds; after two of them it is forgotten.
  expect(await lag()).toBeGreaterThanOrEqual(seen);
  now += 15_000;
  expect(await lag()).toBeGreaterThanOrEqual(seen);
  expect(await lag()).toBeGreaterThanOrEqual(seen);
  now += 15_000;
  expect(await lag()).toBeGreaterThanOrEqual(seen);
  expect(await lag()).toBeLessThan(seen);
});

test('build_info tells the version', async () => {
  const samples = await scrape(started());
  expect(samples.get(`build_info{version="1.2.3",node="${process.versions.node}"}`)).toBe(1);
});

describe('OpenMetrics', () => {
  const traceId = '01939000000080008000000000000007';

  test('shows a run for each bucket, the first of ten seconds', async () => {
    now = 1_700_000_000_000;
    const metrics = started();
    metrics.runCompleted(completed('a "b"', { durationMs: 87 }));
    now += 5_000;
    metrics.runCompleted(completed('a "b"', { durationMs: 88, runId: '01939000-0000-8000-8000-000000000008' }));
    metrics.runCompleted(completed('a "b"', { durationMs: 2_000_000 }));
    const { text } = await metrics.page(true);
    expect(text).toContain(
      `task_duration_seconds_bucket{le="0.1",task_name="a \\"b\\"",namespace="default"} 2 # {trace_id="${traceId}"} 0.087 1700000000`,
    );
    expect(text).toContain(
      `task_duration_seconds_bucket{le="+Inf",task_name="a \\"b\\"",namespace="default"} 3 # {trace_id="${traceId}"} 2000 1700000005`,
    );
    expect(text).not.toContain('0.088');
    metrics.forgetTask('default', 'a "b"');
    expect((await metrics.page(true)).text).not.toContain(' # {');
  });

  test('names counters as it asks to, ends as it asks to, and leaves the other format as it is', async () => {
    const metrics = started();
    metrics.fencedWrite();
    metrics.runCompleted(completed('a'));
    const { contentType, text } = await metrics.page(true);
    expect(contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(text).toMatch(
      /^# HELP scheduler_fenced_writes Outcomes.*\n# TYPE scheduler_fenced_writes counter\nscheduler_fenced_writes_total 1$/m,
    );
    expect(text).not.toContain('\n\n');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    const plain = await metrics.page(false);
    expect(plain.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(plain.text).toContain('# TYPE scheduler_fenced_writes_total counter');
    expect(plain.text).not.toMatch(/ # \{|# EOF/);
  });
});

test('two replicas in one process count apart, and the process metrics are there', async () => {
  const one = started();
  const two = started();
  one.fencedWrite();
  expect((await scrape(one)).get('scheduler_fenced_writes_total')).toBe(1);
  const samples = await scrape(two);
  expect(samples.get('scheduler_fenced_writes_total')).toBe(0);
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0);
  expect((await two.page(false)).contentType).toMatch(/^text\/plain; version=0\.0\.4/);
});
