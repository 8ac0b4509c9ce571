import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CloudEvent, type EndedRun, missEvent, runEvent } from '../../../../src/domain/hooks/cloud-event.ts';
import { errorKinds, triggers } from '../../../../src/domain/run/run.ts';
import { eventHooks } from '../../../../src/domain/task/policies.ts';

const id = '0193933d-3c5e-7abc-8def-0123456789ab';
const instants = fc.integer({ min: 0, max: Date.UTC(9999, 0) });
const taskIds = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const runs: fc.Arbitrary<EndedRun> = fc.record({
  id: fc.uuid(),
  status: fc.constantFrom('succeeded', 'failed', 'timed_out', 'lost'),
  trigger: fc.constantFrom(...triggers),
  scheduledFor: instants,
  startedAt: fc.option(instants),
  finishedAt: fc.option(instants),
  attempt: fc.integer({ min: 0, max: 100 }),
  httpStatus: fc.option(fc.integer({ min: 100, max: 599 })),
  output: fc.option(fc.string({ unit: 'binary', maxLength: 5_000 })),
  truncated: fc.boolean(),
  error: fc.option(fc.record({ kind: fc.constantFrom(...errorKinds), message: fc.string() })),
});

/** What CloudEvents 1.0 and its JSON format say that an event must be. */
function expectCloudEvent(event: CloudEvent): void {
  const sent = JSON.parse(JSON.stringify(event)) as Record<string, unknown>;
  expect(sent.specversion).toBe('1.0');
  for (const name of ['id', 'source', 'type'] as const) expect(sent[name]).toMatch(/./);
  // A URI-reference: resolvable against any base, and nothing in it that would have to be escaped.
  expect(new URL(String(sent.source), 'https://example.com/').pathname).toBe(sent.source);
  expect(sent.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  if ('subject' in sent) expect(sent.subject).toMatch(/./);
  expect(sent.datacontenttype).toBe('application/json');
  // Attribute names: lower-case letters and digits.
  for (const name of Object.keys(sent)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
  // No larger than every intermediary has to forward.
  expect(Buffer.byteLength(JSON.stringify(event))).toBeLessThanOrEqual(64 * 1024);
}

const task = { namespace: 'default', id: 't' };

describe('the event of a run', () => {
  test('is a CloudEvent, whatever the run', () => {
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.constantFrom(...eventHooks),
        taskIds,
        runs,
        instants,
        (eventId, hook, taskId, run, at) =>
          expectCloudEvent(runEvent(eventId, hook, { namespace: 'default', id: taskId }, run, at)),
      ),
    );
  });

  test('tells what the run became', () => {
    const run: EndedRun = {
      id: '0193933d-0000-7000-8000-000000000001',
      status: 'timed_out',
      trigger: 'schedule',
      scheduledFor: Date.UTC(2026, 11, 1, 1),
      startedAt: Date.UTC(2026, 11, 1, 1, 0, 1),
      finishedAt: Date.UTC(2026, 11, 1, 1, 0, 31),
      attempt: 3,
      httpStatus: null,
      output: null,
      truncated: false,
      error: { kind: 'timeout', message: 'no answer within 30s' },
    };
    expect(runEvent(id, 'onFailure', { namespace: 'default', id: 'nightly-report' }, run, 0)).toEqual({
      specversion: '1.0',
      id,
      source: '/tasks/nightly-report',
      type: 'punctual.run.failed',
      subject: run.id,
      time: '2026-12-01T01:00:31.000Z',
      datacontenttype: 'application/json',
      data: {
        taskId: 'nightly-report',
        runId: run.id,
        status: 'timed_out',
        startTime: '2026-12-01T01:00:01.000Z',
        endTime: '2026-12-01T01:00:31.000Z',
        output: null,
        truncated: false,
        httpStatus: null,
        attempt: 3,
        trigger: 'schedule',
        scheduledFor: '2026-12-01T01:00:00.000Z',
        error: { kind: 'timeout', message: 'no answer within 30s' },
      },
    });
    expect(runEvent(id, 'onSuccess', task, run, 0).type).toBe('punctual.run.succeeded');
    expect(runEvent(id, 'onRecovery', task, run, 0).type).toBe('punctual.run.recovered');
  });

  test.each<readonly [string, string, boolean]>([
    ['text', 'a'.repeat(16 * 1024), false],
    ['what JSON writes six times as long', '\u0001'.repeat(16 * 1024), true],
    ['what is long in UTF-8', '\uFFFD'.repeat(16 * 1024), true],
    ...[0, 1, 2, 3].map((odd) => ['pairs', `${'a'.repeat(odd)}${'🙂'.repeat(16 * 1024)}`, true] as const),
  ])('keeps of the largest output (%s) what fits into an event', (_, output, isCut) => {
    const run = { ...fc.sample(runs, 1)[0], output, truncated: false } as EndedRun;
    const event = runEvent(id, 'onSuccess', task, run, 0);
    expectCloudEvent(event);
    const kept = String(event.data.output);
    expect(output.startsWith(kept)).toBe(true);
    expect(kept).not.toMatch(/\p{Cs}/u);
    expect([event.data.truncated, kept.length < output.length]).toEqual([isCut, isCut]);
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeGreaterThan(16 * 1024);
  });
});

test('the source of an event is the path of the task in its namespace', () => {
  const sourceIn = (namespace: string) => missEvent(id, { namespace, id: 'nightly' }, {}, 0).source;
  expect([sourceIn('default'), sourceIn('billing')]).toEqual(['/tasks/nightly', '/ns/billing/tasks/nightly']);
});

test('the event of a miss is a CloudEvent about no single run', () => {
  const miss = { from: '2026-12-01T01:00:00.000Z', to: '2026-12-01T02:00:00.000Z', count: 61, policy: 'fire_once' };
  const event = missEvent(id, { namespace: 'default', id: 'nightly' }, miss, Date.UTC(2026, 11, 1, 3));
  expectCloudEvent(event);
  expect(event).toEqual({
    specversion: '1.0',
    id,
    source: '/tasks/nightly',
    type: 'punctual.task.missed',
    time: '2026-12-01T03:00:00.000Z',
    datacontenttype: 'application/json',
    data: { taskId: 'nightly', ...miss },
  });
});
