import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { delay, startTarget, status, type Target } from '../../target.ts';
import { type Body, type Http, isOver, startReady } from './ready.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

type Sample = { name: string; labels: Record<string, string>; value: number };

/** Reads Prometheus' text format. */
function parse(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!match) return [];
    const labels = [...(match[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)];
    return [
      {
        name: match[1] as string,
        labels: Object.fromEntries(labels.map(([, key, value]) => [key, value])),
        value: Number(match[3]),
      },
    ];
  });
}

async function samplesOf(http: Http): Promise<Sample[]> {
  const response = await http.get('/metrics').expect(200);
  expect(response.headers['content-type']).toContain('text/plain; version=0.0.4');
  return parse(response.text);
}

const sum = (samples: Sample[], name: string, labels: Record<string, string> = {}) =>
  samples
    .filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((total, { value }) => total + value, 0);

/** Some runs that end well, badly and late; answers with all rows once all is quiet. */
async function someRuns(http: Http): Promise<Body[]> {
  target.setBehaviour('/bad', status(500));
  target.setBehaviour('/late', delay(5_000));
  const tasks = [
    { id: 'good', schedule: '@every 200ms' },
    { id: 'bad', schedule: '@every 300ms' },
    { id: 'late', schedule: { manual: true }, timeout: '200ms' },
  ].map((task) => ({ overlap: 'allow', target: `${target.url}/${task.id}`, ...task }));
  await http.post('/tasks/batch').send({ items: tasks }).expect(200);
  await http.post('/tasks/late/trigger').expect(202);
  await poll(
    async () => {
      const { body } = await http.get('/runs?limit=200').expect(200);
      const count = (...wanted: string[]) => body.items.filter((run: Body) => wanted.includes(run.status)).length;
      return count('succeeded') >= 6 && count('failed') >= 4 && count('timed_out') === 1;
    },
    { what: 'runs of every kind' },
  );
  for (const id of ['good', 'bad']) await http.post(`/tasks/${id}/stop`).expect(200);
  return poll(
    async () => {
      const { body } = await http.get('/runs?limit=200').expect(200);
      return (body.items as Body[]).every(isOver) && (body.items as Body[]);
    },
    { what: 'quiet' },
  );
}

describe('/metrics', () => {
  test('has the names that people chart, and counts what the rows say once all is quiet', async () => {
    const { http, stop } = await startReady({ env: { DATABASE_URL: (await createDatabase()).url } });
    const runs = await someRuns(http);
    const samples = await samplesOf(http);
    const names = new Set(samples.map(({ name }) => name));
    for (const name of [
      'task_executions_total',
      'task_duration_seconds_bucket',
      'task_duration_seconds_sum',
      'task_duration_seconds_count',
      'scheduler_lateness_seconds_bucket',
      'scheduler_claims_total',
      'scheduler_active_tasks',
      'scheduler_running',
      'scheduler_event_loop_lag_seconds',
      'http_request_duration_seconds_bucket',
    ])
      expect(names).toContain(name);

    const started = runs.filter((run) => run.startedAt !== null);
    for (const task of ['good', 'bad', 'late']) {
      const own = started.filter((run) => run.taskId === task);
      for (const outcome of ['succeeded', 'failed', 'timed_out'])
        expect([task, outcome, sum(samples, 'task_executions_total', { task_name: task, status: outcome })]).toEqual([
          task,
          outcome,
          own.filter((run) => run.status === outcome).length,
        ]);
      expect(sum(samples, 'task_duration_seconds_count', { task_name: task })).toBe(own.length);
    }
    expect(sum(samples, 'task_executions_total')).toBe(started.length);
    expect(sum(samples, 'scheduler_lateness_seconds_count')).toBe(started.length);
    expect(sum(samples, 'scheduler_running')).toBe(0);
    expect(sum(samples, 'scheduler_active_tasks')).toBeLessThanOrEqual(1); // The one that is run by hand may be loaded.
    await stop();
  });

  test('tells requests apart by route, never by path', async () => {
    const { http, stop } = await startReady({ env: { DATABASE_URL: (await createDatabase()).url } });
    await http.get('/tasks/some-task-id').expect(404);
    await http.get('/no/such/path').expect(404);
    await http.get('/runs?limit=nonsense').expect(400);
    const requests = (await samplesOf(http)).filter(({ name }) => name === 'http_request_duration_seconds_count');
    const counted = requests.map(({ labels, value }) => [labels.method, labels.route, labels.status, value]);
    expect(counted).toContainEqual(['GET', '/tasks/:id', '404', 1]);
    expect(counted).toContainEqual(['GET', '/runs', '400', 1]);
    expect(JSON.stringify(requests)).not.toMatch(/some-task-id|such|nonsense/);
    await stop();
  });

  test('names no task with METRICS_TASK_LABEL=none', async () => {
    const env = { DATABASE_URL: (await createDatabase()).url, METRICS_TASK_LABEL: 'none' };
    const { http, stop } = await startReady({ env });
    const runs = await someRuns(http);
    const samples = await samplesOf(http);
    const named = samples.filter(({ labels }) => labels.task_name !== undefined);
    expect([...new Set(named.map(({ labels }) => labels.task_name))]).toEqual(['_other']);
    expect(sum(samples, 'task_executions_total')).toBe(runs.filter((run) => run.startedAt !== null).length);
    await stop();
  });

  test('asks for no key, unless METRICS_AUTH=on', async () => {
    const DATABASE_URL = (await createDatabase()).url;
    const API_KEYS = `board:reader:${createHash('sha256').update('board-key').digest('hex')}`;
    const open = await startReady({ env: { DATABASE_URL, API_KEYS } });
    await open.http.get('/metrics').expect(200);
    await open.stop();
    const closed = await startReady({ env: { DATABASE_URL, API_KEYS, METRICS_AUTH: 'on' } });
    await closed.http.get('/metrics').expect(401);
    await closed.http.get('/metrics').set('authorization', 'Bearer wrong').expect(401);
    await closed.http.get('/metrics').set('authorization', 'Bearer board-key').expect(200);
    await closed.stop();
  });
});
