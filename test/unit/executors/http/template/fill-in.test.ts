import { expect, test } from 'vitest';
import type { Attempt, StartedAttempt } from '../../../../../src/executors/executor.ts';
import type { HttpTarget } from '../../../../../src/executors/http/target/target.ts';
import { fillInTemplates } from '../../../../../src/executors/http/template/fill-in.ts';
import type { PreviousRun } from '../../../../../src/executors/http/template/template.ts';
import type { Trials } from '../../../../../src/executors/http/template/trials.ts';
import { startTarget } from '../../../../target.ts';
import { attemptOn, startExecutor } from '../harness.ts';

const previous: PreviousRun = {
  id: 'p',
  status: 'failed',
  scheduledFor: '2026-11-30T01:00:00.000Z',
  finishedAt: '2026-11-30T01:00:09.000Z',
};
const dead = 'http://127.0.0.1:9/';

const atOnce: Trials = { run: (_, fill) => fill() };

/** An executor that only notes what it is asked, behind one that fills in. */
function create(previousOf: (runId: string) => Promise<PreviousRun | null> = async () => previous) {
  const calls: Attempt<HttpTarget>[] = [];
  const asked: string[] = [];
  const started: StartedAttempt = { outcome: new Promise(() => {}), cancel: () => void asked.push('cancel') };
  const execute = fillInTemplates(
    (attempt) => {
      calls.push(attempt);
      return started;
    },
    (runId) => {
      asked.push(runId);
      return previousOf(runId);
    },
    atOnce,
  );
  return { execute, calls, asked, started };
}

test('a target without templates goes through as it is', () => {
  const { execute, calls, asked, started } = create();
  const attempt = attemptOn({ url: dead, body: '{{ runId }}' });
  expect(execute(attempt)).toBe(started);
  expect(calls[0]).toBe(attempt);
  expect(asked).toEqual([]);
});

test('a target gets what is known of its attempt, and the previous run is not looked up for nothing', () => {
  const { execute, calls, asked } = create();
  const body = '{{ scheduledFor }} {{ attempt }} {{ trigger }} {{ taskId }} {{ task.name }} {{ task.labels.team }}';
  const about = { name: 'Nightly', labels: { team: 'a' } };
  const attempt = attemptOn({ url: dead, template: true, body }, { attempt: 3, about });
  execute(attempt);
  execute({ ...attempt, about: null });
  expect(calls.map(({ target }) => target.body)).toEqual([
    '2026-12-01T01:00:00.000Z 3 schedule nightly-report Nightly a',
    '2026-12-01T01:00:00.000Z 3 schedule nightly-report nightly-report ',
  ]);
  expect(calls[0]).toMatchObject({ runId: attempt.runId, attempt: 3, timeoutMs: attempt.timeoutMs });
  expect(asked).toEqual([]);
});

test('another copy of the same target is not tried again, but other templates of the task are', async () => {
  const tried: string[] = [];
  const calls: unknown[] = [];
  const execute = fillInTemplates(
    ({ target }) => {
      calls.push(target.body);
      return { outcome: new Promise(() => {}), cancel() {} };
    },
    async () => previous,
    {
      run(taskId, fill) {
        tried.push(taskId);
        fill();
      },
    },
  );
  const attempt = (body: string) => attemptOn({ url: dead, template: true, body });
  execute(attempt('{{ taskId }}'));
  execute(attempt('{{ taskId }}'));
  execute({ ...attempt('{{ taskId }}'), taskId: 'other' });
  expect(tried).toEqual(['default/nightly-report', 'default/other']);
  execute(attempt('{{ taskId }}!'));
  expect(tried).toEqual(['default/nightly-report', 'default/other', 'default/nightly-report']);
  expect(calls).toEqual(['nightly-report', 'nightly-report', 'other', 'nightly-report!']);
});

test('what is cancelled before it is tried proves nothing', () => {
  const fills: (() => void)[] = [];
  const execute = fillInTemplates(
    () => ({ outcome: new Promise(() => {}), cancel() {} }),
    async () => previous,
    { run: (_, fill) => void fills.push(fill) },
  );
  const attempt = () => attemptOn({ url: dead, template: true, body: '{{ taskId }}' });
  execute(attempt()).cancel();
  fills[0]?.();
  execute(attempt());
  expect(fills).toHaveLength(2);
});

test('the previous run is looked up where a template names it, and the call is the one that is made', async () => {
  const target = await startTarget();
  const { execute } = startExecutor();
  const filling = fillInTemplates(execute, async () => previous, atOnce);
  const url = `${target.url}/{{ previous.status }}`;
  const { outcome } = filling(attemptOn({ url, template: true, body: '{{ previous.finishedAt }}' }));
  expect(await outcome).toMatchObject({ status: 'succeeded' });
  expect(target.requests.map(({ path, body }) => [path, body])).toEqual([
    ['/failed', JSON.stringify(previous.finishedAt)],
  ]);
  await target.close();
});

const naming = attemptOn({ url: dead, template: true, body: '{{ previous.status }}' });

test('a previous run that cannot be read is a failure that may be tried again, and no call', async () => {
  const { execute, calls } = create(() => Promise.reject(new Error('no connection')));
  expect(await execute(naming).outcome).toMatchObject({
    status: 'failed',
    isFinal: false,
    error: { kind: 'internal', message: 'the previous run could not be read: no connection' },
  });
  expect(calls).toEqual([]);
});

test('cancelling does not wait for the previous run, and nothing is called afterwards', async () => {
  let answer = (_: null) => {};
  const lookup = new Promise<null>((resolve) => (answer = resolve));
  const { execute, calls } = create(() => lookup);
  const { outcome, cancel } = execute(naming);
  cancel();
  expect(await outcome).toMatchObject({ status: 'cancelled', error: { kind: 'cancelled' } });
  answer(null);
  await lookup;
  await Promise.resolve();
  expect(calls).toEqual([]);
});

test('cancelling reaches the call that is under way', async () => {
  const { execute, calls, asked } = create();
  const { cancel } = execute(naming);
  await expect.poll(() => calls.length).toBe(1);
  cancel();
  expect(asked).toContain('cancel');
});

test.each([
  ['with a range without end', { body: '{{ (9007199254740992..9007199254740994) | join: taskId }}' }, 'has a range'],
  ['that is none', { body: '{{ runId' }, 'is no template'],
  ['with a value that its field cannot hold', { headers: { 'x-who': '{{ task.labels.who }}' } }, 'headers/x-who: '],
])('a template %s is a failure for good, and no call', async (_, target, words) => {
  const { execute, calls } = create();
  const about = { name: 'n', labels: { who: 'a\r\nb: c' } };
  const { outcome } = execute(attemptOn({ url: dead, template: true, ...target }, { about }));
  expect(await outcome).toMatchObject({
    status: 'failed',
    isFinal: true,
    detail: null,
    error: { kind: 'internal' },
  });
  expect((await outcome).error?.message).toContain(words);
  expect(calls).toEqual([]);
});
