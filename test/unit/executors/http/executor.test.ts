import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import type { Resolved } from '../../../../src/executors/http/connections/connector.ts';
import { createSigner, parseSigningSecrets } from '../../../../src/executors/http/signature.ts';
import { createClock } from '../../../clock.ts';
import {
  closedPortUrl,
  delay,
  hang,
  redirect,
  resetAtOnce,
  startTarget,
  status,
  type Target,
} from '../../../target.ts';
import { attemptOn, call, resolvedTo, runId, startExecutor } from './harness.ts';

let target: Target;
beforeEach(async () => {
  target = await startTarget();
});
afterEach(() => target.close());

test('a POST without a body of its own carries the description of the run and the headers of the contract', async () => {
  target.setBehaviour(status(200, 'done'));
  const outcome = await call({ url: `${target.url}/report?full=1` }, { attempt: 3, trigger: 'catch_up' });

  expect(outcome).toEqual({
    isFinal: false,
    viaFallback: false,
    deferred: null,
    held: null,
    status: 'succeeded',
    detail: { httpStatus: 200 },
    output: 'done',
    truncated: false,
    error: null,
    retryAfterMs: null,
  });
  const [request] = target.requests;
  expect(request).toMatchObject({ method: 'POST', path: '/report?full=1' });
  expect(request?.headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': 'punctual/1.2.3',
    'accept-encoding': 'identity',
    'x-task-id': 'nightly-report',
    'x-run-id': runId,
    'x-attempt': '3',
    'x-scheduled-for': '2026-12-01T01:00:00.000Z',
    'x-trigger': 'catch_up',
    'idempotency-key': runId,
  });
  expect(request?.headers).not.toHaveProperty('webhook-signature');
  expect(JSON.parse(request?.body ?? '')).toEqual({
    taskId: 'nightly-report',
    runId,
    attempt: 3,
    scheduledFor: '2026-12-01T01:00:00.000Z',
    trigger: 'catch_up',
  });
});

test('a target learns its namespace, unless that is the default one', async () => {
  const { execute } = startExecutor();
  for (const namespace of ['default', 'billing']) await execute(attemptOn({ url: target.url }, { namespace })).outcome;
  await execute(attemptOn({ url: target.url }, { namespace: 'billing', messageId: 'a message to a hook' })).outcome;
  expect(target.requests.map(({ headers }) => headers['x-namespace'])).toEqual([undefined, 'billing', 'billing']);
});

test('the attempts of a run share a trace and an idempotency key, and each has a span of its own', async () => {
  const { execute } = startExecutor();
  for (const attempt of [1, 2]) await execute(attemptOn({ url: target.url }, { attempt })).outcome;

  const parents = target.requests.map(({ headers }) => String(headers.traceparent));
  for (const parent of parents) expect(parent).toMatch(/^00-0193933d3c5e7abc8def0123456789ab-[0-9a-f]{16}-01$/);
  expect(new Set(parents).size).toBe(2);
  expect(target.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([runId, runId]);
  expect(target.connections()).toBe(1);
});

test('a call says by when it must be answered, by the database’s clock, however long it waited for a connection', async () => {
  const now = () => Date.UTC(2031, 4, 1);
  const clock = createClock(Date.UTC(1999, 0, 1));
  const { execute } = startExecutor({ clock, now, maxConnectionsPerOrigin: 1 });
  target.setBehaviour(() => clock.freeze(1_500));
  const first = execute(attemptOn({ url: target.url }, { timeoutMs: 30_000 }));
  const second = execute(attemptOn({ url: target.url }, { timeoutMs: 30_000 }));
  await target.waitFor(({ length }) => length === 1);
  first.cancel();
  await target.waitFor(({ length }) => length === 2);
  second.cancel();
  expect(target.requests.map(({ headers }) => headers['x-deadline'])).toEqual([
    '2031-05-01T00:00:30.000Z',
    '2031-05-01T00:00:28.500Z',
  ]);
});

test('the headers of the task win over the defaults and its JSON body is sent as it is', async () => {
  const headers = { 'user-agent': 'mine', 'content-type': 'application/vnd.api+json', 'x-tenant': 'ä' };
  await call({ url: target.url, method: 'PUT', headers, body: { full: [true, 'ü'] } });
  expect(target.requests[0]).toMatchObject({ method: 'PUT', headers, body: '{"full":[true,"ü"]}' });
});

test.each([
  ['text/plain; charset=utf-8', 'a=1'],
  ['application/x-www-form-urlencoded', 'a=1'],
  ['application/json', '"a=1"'],
  ['application/problem+json; x=y', '"a=1"'],
])('a string body with content type %s is sent as %s', async (contentType, sent) => {
  await call({ url: target.url, headers: { 'content-type': contentType }, body: 'a=1' });
  expect(target.requests[0]?.body).toBe(sent);
});

test.each(['GET', 'HEAD', 'DELETE'] as const)('a %s without a body of its own sends none', async (method) => {
  const outcome = await call({ url: target.url, method });
  expect(outcome).toMatchObject({ status: 'succeeded', output: '' });
  expect(target.requests[0]).toMatchObject({ method, body: '' });
  expect(target.requests[0]?.headers).not.toHaveProperty('content-type');
  expect(target.requests[0]?.headers).toHaveProperty('x-run-id', runId);
});

test('a DELETE sends the body it has', async () => {
  await call({ url: target.url, method: 'DELETE', body: { id: 1 } });
  expect(target.requests[0]).toMatchObject({ method: 'DELETE', body: '{"id":1}' });
});

test('with a signing secret the very bytes sent are signed', async () => {
  const secrets = parseSigningSecrets(`whsec_${Buffer.alloc(32, 'k').toString('base64')}`);
  const signer = createSigner(secrets.ok ? secrets.value : []);
  await call({ url: target.url, body: { é: 1 } }, {}, { signerFor: () => signer });
  const [request] = await target.waitFor(({ length }) => length === 1);
  const headers = request?.headers ?? {};
  expect(headers['webhook-id']).toBe(runId);
  expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
  expect(headers['webhook-signature']).toBe(signer?.(runId, Number(headers['webhook-timestamp']), request?.body ?? ''));
});

test.each([
  [200, ['2xx'], 'succeeded', null],
  [404, ['2xx', '404'], 'succeeded', null],
  [503, ['5xx'], 'succeeded', null],
  [200, ['204'], 'failed', 'rejected'],
  [404, ['2xx'], 'failed', 'rejected'],
  [500, ['2xx'], 'failed', 'rejected'],
  [502, ['2xx'], 'failed', 'unavailable'],
  [503, ['2xx'], 'failed', 'unavailable'],
  [504, ['2xx'], 'failed', 'unavailable'],
  // Of the 3xx these are no redirects, followed or not.
  [300, ['2xx'], 'failed', 'rejected'],
  [305, ['2xx'], 'failed', 'rejected'],
])('an answer %i where %j is a success ends as %s (%s)', async (code, successStatus, ending, kind) => {
  target.setBehaviour(status(code, 'said'));
  const outcome = await call({ url: target.url, successStatus });
  expect(outcome).toMatchObject({ status: ending, detail: { httpStatus: code }, output: 'said' });
  expect(outcome.error).toEqual(kind === null ? null : { kind, message: `the target answered ${code}` });
});

test('a redirect is an answer like another, and is not followed', async () => {
  target.setBehaviour('/from', redirect(`${target.url}/to`));
  const outcome = await call({ url: `${target.url}/from` });
  expect(outcome).toMatchObject({
    status: 'failed',
    detail: { httpStatus: 302 },
    error: { kind: 'rejected', message: 'the target answered 302; redirects are not followed' },
  });
  expect(target.requests.map(({ path }) => path)).toEqual(['/from']);
});

test.each([
  [{ 'retry-after': '120' }, 120_000],
  [{ 'retry-after': 'Tue, 01 Dec 2026 01:00:30 GMT', date: 'Tue, 01 Dec 2026 01:00:00 GMT' }, 30_000],
  [{ 'retry-after': 'Tue, 01 Dec 2020 01:00:30 GMT' }, 0],
  [{ 'retry-after': 'soon' }, null],
])('Retry-After %j is read as %s ms', async (headers, expected) => {
  target.setBehaviour(status(429, '', headers as Record<string, string>));
  expect((await call({ url: target.url })).retryAfterMs).toBe(expected);
});

test('a port where nobody listens is unavailable, and the message says where', async () => {
  const url = await closedPortUrl();
  const outcome = await call({ url: `${url}/path?token=secret`, headers: { authorization: 'Bearer secret' } });
  expect(outcome).toEqual({
    isFinal: false,
    viaFallback: false,
    deferred: null,
    held: null,
    status: 'failed',
    detail: null,
    output: null,
    truncated: false,
    error: { kind: 'unavailable', message: `could not connect: ECONNREFUSED ${url.slice('http://'.length)}` },
    retryAfterMs: null,
  });
});

test('a host that does not resolve is unavailable', async () => {
  const resolve = (host: string) =>
    Promise.reject(Object.assign(new Error('secret'), { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: host }));
  const outcome = await call({ url: 'http://billing.invalid/' }, {}, { resolve });
  expect(outcome.error).toEqual({ kind: 'unavailable', message: 'could not resolve billing.invalid: ENOTFOUND' });
});

test('when every address of a host refuses, the message names each', async () => {
  const url = new URL(await closedPortUrl());
  const resolve = resolvedTo('127.0.0.1', '127.0.0.2');
  const outcome = await call({ url: `http://billing.test:${url.port}` }, {}, { resolve });
  expect(outcome.error?.kind).toBe('unavailable');
  expect(outcome.error?.message).toContain(`ECONNREFUSED 127.0.0.1:${url.port}`);
});

test('a connection reset before an answer is unavailable, and the call is not repeated', async () => {
  target.setBehaviour(resetAtOnce());
  const outcome = await call({ url: target.url });
  expect(outcome).toMatchObject({ status: 'failed', detail: null, error: { kind: 'unavailable' } });
  target.setBehaviour(status(200));
  await call({ url: `${target.url}/after` });
  expect(target.requests.map(({ path }) => path)).toEqual(['/', '/after']);
});

test('a target that does not answer is timed out, not before its time', async () => {
  target.setBehaviour(hang());
  const from = performance.now();
  const outcome = await call({ url: target.url }, { timeoutMs: 150 });
  expect(performance.now() - from).toBeGreaterThanOrEqual(150);
  expect(outcome).toEqual({
    isFinal: false,
    viaFallback: false,
    deferred: null,
    held: null,
    status: 'timed_out',
    detail: null,
    output: null,
    truncated: false,
    error: { kind: 'timeout', message: 'no answer within 150ms' },
    retryAfterMs: null,
  });
  await target.requests[0]?.closed;
});

test('an aborted attempt is cancelled and the target sees its connection close', async () => {
  target.setBehaviour(hang());
  const { outcome, cancel } = startExecutor().execute(attemptOn({ url: target.url }));
  await target.waitFor((requests) => requests.length === 1);
  cancel();
  expect(await outcome).toMatchObject({ status: 'cancelled', error: { kind: 'cancelled' } });
  await target.requests[0]?.closed;
});

test('an attempt after close calls nobody', async () => {
  const executor = startExecutor();
  executor.close();
  const late = executor.execute(attemptOn({ url: target.url })).outcome;
  expect(await late).toMatchObject({ status: 'cancelled' });
  expect(target.requests).toEqual([]);
});

test('close cancels what runs and what waits, and cuts the connections', async () => {
  target.setBehaviour(hang());
  const executor = startExecutor({ maxConnectionsPerOrigin: 1 });
  const outcomes = [1, 2].map((attempt) => executor.execute(attemptOn({ url: target.url }, { attempt })).outcome);
  await target.waitFor((requests) => requests.length === 1);
  executor.close();
  for (const outcome of await Promise.all(outcomes)) expect(outcome).toMatchObject({ status: 'cancelled' });
  await target.requests[0]?.closed;
  expect(target.requests).toHaveLength(1);
});

test('calls beyond the connections of an origin wait their turn, and are put off at their own deadline', async () => {
  target.setBehaviour('/hangs', hang());
  const { execute } = startExecutor({ maxConnectionsPerOrigin: 1 });
  const hanging = execute(attemptOn({ url: `${target.url}/hangs` }, { timeoutMs: 500 })).outcome;
  await target.waitFor((requests) => requests.length === 1);
  const impatient = execute(attemptOn({ url: `${target.url}/impatient` }, { timeoutMs: 50 })).outcome;
  const patient = execute(attemptOn({ url: `${target.url}/patient` })).outcome;

  expect(await impatient).toMatchObject({ status: 'deferred', error: null, deferred: { cause: 'origin_full' } });
  expect(await hanging).toMatchObject({ status: 'timed_out' });
  expect(await patient).toMatchObject({ status: 'succeeded' });
  expect(target.requests.map(({ path }) => path)).toEqual(['/hangs', '/patient']);
});

test('a slow origin gets more connections, so that its quick paths do not wait for its hanging ones', async () => {
  target.setBehaviour('/hangs', hang());
  const { execute } = startExecutor();
  const hanging = Array.from({ length: 200 }, () => execute(attemptOn({ url: `${target.url}/hangs` })));
  const quick = await execute(attemptOn({ url: `${target.url}/quick` })).outcome;
  expect(quick).toMatchObject({ status: 'succeeded' });
  expect(target.requests).toHaveLength(201);
  for (const { cancel } of hanging) cancel();
  for (const { outcome } of hanging) expect((await outcome).status).toBe('cancelled');
});

test('calls to an origin that hangs are put off after a second, and others are made', async () => {
  target.setBehaviour(hang());
  const other = await startTarget();
  onTestFinished(() => other.close());
  const changes: string[] = [];
  const { execute } = startExecutor({
    maxConnectionsPerOrigin: 2,
    onChange: (origin, from, to) => changes.push(`${origin} ${from} ${to}`),
  });
  const calls = Array.from({ length: 5 }, () => execute(attemptOn({ url: target.url }, { timeoutMs: 300_000 })));
  for (const { outcome } of calls.slice(2))
    expect(await outcome).toMatchObject({ status: 'deferred', detail: null, error: null, isFinal: false });
  expect(await execute(attemptOn({ url: target.url })).outcome).toMatchObject({ status: 'deferred' });
  expect(await execute(attemptOn({ url: other.url })).outcome).toMatchObject({ status: 'succeeded' });
  expect(changes).toEqual([`${target.url} closed saturated`]);
  expect(target.requests).toHaveLength(2);
});

test('a host whose name takes for ever to resolve holds no connection beyond the deadline', async () => {
  const unresolved = () => new Promise<never>(() => {});
  const { execute } = startExecutor({ maxConnectionsPerOrigin: 1, resolve: unresolved });
  for (const attempt of [1, 2]) {
    const outcome = await execute(attemptOn({ url: 'http://billing.test' }, { attempt, timeoutMs: 50 })).outcome;
    expect(outcome).toMatchObject({ status: 'timed_out', error: { message: 'no answer within 50ms' } });
  }
});

test('an address found after the deadline is not connected to any more', async () => {
  let found = (_resolved: Resolved) => {};
  const resolve = () => new Promise<Resolved>((complete) => (found = complete));
  const outcome = await call({ url: `http://billing.test:${target.port}` }, { timeoutMs: 50 }, { resolve });
  expect(outcome.status).toBe('timed_out');
  found(await resolvedTo('127.0.0.1')(''));
  await call({ url: target.url });
  expect(target.connections()).toBe(1);
});

test('an origin left alone for a minute or two is forgotten', async () => {
  let passed = 0;
  let sweep = () => {};
  const clock = {
    ...systemClock,
    monotonic: () => performance.now() + passed,
    after(ms: number, run: () => void) {
      if (ms === 60_000) sweep = run;
      return systemClock.after(ms, run);
    },
  };
  const { execute } = startExecutor({ clock });
  await execute(attemptOn({ url: target.url })).outcome;
  sweep();
  await execute(attemptOn({ url: target.url })).outcome;
  passed += 60_001;
  sweep();
  const before = target.connections();
  await execute(attemptOn({ url: target.url })).outcome;
  expect(target.connections()).toBe(before + 1);
});

test('a burst on a quick target shares a few connections and each call arrives once', async () => {
  const { execute } = startExecutor();
  const outcomes = await Promise.all(
    Array.from(
      { length: 500 },
      (_, index) => execute(attemptOn({ url: target.url }, { taskId: `task-${index}` })).outcome,
    ),
  );
  expect(new Set(outcomes.map((outcome) => outcome.status))).toEqual(new Set(['succeeded']));
  expect(new Set(target.requests.map(({ headers }) => headers['x-task-id'])).size).toBe(500);
  expect(target.requests).toHaveLength(500);
});

test('a target that closes after each answer is called again on a new connection', async () => {
  target.setBehaviour(status(200, '', { connection: 'close' }));
  const { execute } = startExecutor({ maxConnectionsPerOrigin: 1 });
  const outcomes = await Promise.all(
    [1, 2, 3].map((attempt) => execute(attemptOn({ url: target.url }, { attempt })).outcome),
  );
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  expect(target.requests.map(({ headers }) => headers['x-attempt'])).toEqual(['1', '2', '3']);
});

test('a slow answer within its time is a success', async () => {
  target.setBehaviour(delay(100, status(200, 'late')));
  expect(await call({ url: target.url })).toMatchObject({ status: 'succeeded', output: 'late' });
});

test('a target that cannot be called at all ends in a failure and not in a throw', async () => {
  expect(await call({ url: 'nonsense' })).toMatchObject({ status: 'failed', error: { kind: 'internal' } });
  const broken = await call({ url: target.url, headers: { 'x-a': 'line\nbreak' } });
  expect(broken).toMatchObject({ status: 'failed', error: { kind: 'internal' } });
  expect(broken.error?.message).not.toContain('break');
});

test('a 202 is a success, unless the target may finish later', async () => {
  target.setBehaviour(status(202, 'on it'));
  expect(await call({ url: target.url })).toMatchObject({ status: 'succeeded', detail: { httpStatus: 202 } });
  const outcome = await call({ url: target.url }, { holdMs: 60_000, token: '1.abc' });
  expect(outcome).toMatchObject({ status: 'held', detail: { httpStatus: 202 }, output: 'on it', error: null });
  expect(target.requests.map(({ headers }) => headers['x-run-token'])).toEqual([undefined, '1.abc']);
});

test('an answer of 489 says that another attempt is of no use', async () => {
  target.setBehaviour(status(489));
  const outcome = await call({ url: target.url });
  expect(outcome).toMatchObject({ status: 'failed', isFinal: true, error: { kind: 'rejected' } });
});

test('a message about a run is known by an id of its own', async () => {
  await call({ url: target.url }, { messageId: 'event-7' });
  expect(target.requests[0]?.headers).toMatchObject({ 'idempotency-key': 'event-7' });
});

test('a target whose URL is none is told by its call alone: whoever prepares it or asks where it is goes on', async () => {
  const executor = startExecutor();
  const attempt = attemptOn({ url: 'nowhere' });
  executor.prepare(attempt.target);
  expect(executor.originOf(attempt.target)).toBe('nowhere');
  expect(await executor.execute(attempt).outcome).toMatchObject({ status: 'failed' });
  expect(executor.originOf(attemptOn({ url: `${target.url}/x?y` }).target)).toBe(target.url);
});
