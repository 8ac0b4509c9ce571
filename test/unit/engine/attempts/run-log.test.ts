import { describe, expect, test } from 'vitest';
import type { EndedRun } from '../../../../src/domain/run/run.ts';
import { type LogRuns, observeRuns } from '../../../../src/engine/attempts/run-log.ts';

const run: EndedRun = {
  namespace: 'default',
  taskId: 'nightly',
  runId: '01939000-0000-8000-8000-000000000007',
  attempt: 1,
  trigger: 'schedule',
  origin: null,
  status: 'succeeded',
  durationMs: 87,
  latenessMs: 4,
  error: null,
};
const failed: EndedRun = { ...run, status: 'failed', error: { kind: 'rejected', message: 'answered 500' } };

function observe(mode: LogRuns) {
  const lines: { level: string; fields: object; message: string }[] = [];
  const counted: EndedRun[] = [];
  const timers: (() => void)[] = [];
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const observer = observeRuns({
    log: { info: write('info'), warn: write('warn') } as Parameters<typeof observeRuns>[0]['log'],
    mode,
    count: (ended) => counted.push(ended),
    after: (_ms, run) => timers.push(run),
  });
  const endSecond = () => {
    for (const run of timers.splice(0)) run();
  };
  return { ...observer, lines, counted, endSecond };
}

describe('LOG_RUNS', () => {
  test('failures writes the end of runs that failed, with the error, and nothing of others', () => {
    const { started, ended, lines, counted } = observe('failures');
    expect(started).toBeNull();
    for (const status of ['succeeded', 'cancelled']) ended({ ...run, status });
    ended(failed);
    for (const status of ['timed_out', 'lost']) ended({ ...failed, status });
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual(Array(3).fill('warn run ended'));
    expect(lines[0]?.fields).toEqual({
      taskId: 'nightly',
      runId: run.runId,
      attempt: 1,
      trigger: 'schedule',
      status: 'failed',
      durationMs: 87,
      latenessMs: 4,
      traceId: '01939000000080008000000000000007',
      err: { type: 'rejected', message: 'answered 500' },
    });
    expect(counted).toHaveLength(5);
  });

  test('names the namespace where that is not the default one', () => {
    const { ended, lines } = observe('failures');
    ended({ ...failed, namespace: 'billing' });
    expect(lines[0]?.fields).toMatchObject({ namespace: 'billing', taskId: 'nightly' });
  });

  test('failures tells of an attempt that is made again, which is no end', () => {
    const { ended, lines } = observe('failures');
    ended({ ...failed, status: 'retrying' });
    expect(lines).toMatchObject([{ level: 'info', message: 'attempt failed, another follows' }]);
  });

  test('all writes the start and the end of each', () => {
    const { started, ended, lines } = observe('all');
    started?.(run);
    ended(run);
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual(['info run started', 'info run ended']);
    expect(lines[1]?.fields).not.toHaveProperty('err');
  });

  test('none writes nothing, and counts all the same', () => {
    const { started, ended, lines, counted } = observe('none');
    ended(failed);
    expect([started, lines, counted]).toEqual([null, [], [failed]]);
  });
});

test('a line names the request that asked for the run, and its trace', () => {
  const { ended, lines } = observe('failures');
  const trace = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', flags: '00' };
  ended({ ...failed, trigger: 'manual', origin: { source: 'deploy-42', requestId: 'q-1', trace } });
  expect(lines[0]?.fields).toMatchObject({
    ...{ trigger: 'manual', triggerSource: 'deploy-42', requestId: 'q-1' },
    traceId: trace.traceId,
  });
});

test('of more than 50 lines in a second the rest are counted, and told when it is over', () => {
  const { ended, lines, endSecond } = observe('failures');
  for (let i = 0; i < 1_000; i++) ended(failed);
  expect(lines).toHaveLength(50);
  endSecond();
  expect(lines.at(-1)?.fields).toEqual({ suppressed: 950 });
  ended(failed);
  expect(lines.at(-1)?.message).toBe('run ended');
  endSecond();
  expect(lines).toHaveLength(52);
});
