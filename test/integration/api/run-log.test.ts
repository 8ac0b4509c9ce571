import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEvents } from '../../event-client.ts';
import { poll } from '../../poll.ts';
import { startTarget, status, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

const hash = (key: string) => createHash('sha256').update(key).digest('hex');
const keys = { root: 'the-key-of-root', reader: 'the-key-of-a-reader', other: 'the-key-of-another-team' };

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([
    startApi({
      API_KEYS: `root:owner:${hash(keys.root)},jo:reader:${hash(keys.reader)}:default,al:admin:${hash(keys.other)}:b`,
      BASE_PATH: '/punctual',
      LOG_LIMIT: '64KiB',
      SECRETS_KEYS: Buffer.alloc(32, 1).toString('base64'),
    }),
    startTarget(),
  ]);
  for (const namespace of ['a', 'b']) await as('put', `/namespaces/${namespace}`).send({}).expect(201);
});
afterAll(() => target.close());

type Who = keyof typeof keys;
const as = (method: 'get' | 'put' | 'post' | 'delete', path: string, who: Who = 'root') =>
  api.http[method](`/punctual${path}`).set('authorization', `Bearer ${keys[who]}`);

/** A run of a target that has answered 202, in a namespace. */
async function held(id: string, more: Body = {}, ns = '') {
  target.setBehaviour(`/${id}`, status(202));
  const task = { schedule: { manual: true }, target: `${target.url}/${id}`, heartbeatTimeout: '1h', ...more };
  await as('put', `${ns}/tasks/${id}`).send(task).expect(201);
  const { body: run } = await as('post', `${ns}/tasks/${id}/trigger`).send({}).expect(202);
  const path = `${ns}/runs/${run.id}`;
  await poll(async () => (await as('get', path)).body.heartbeatDueAt !== null, { what: 'the run to be held' });
  return { path, id: run.id as string, token: tokenOf(id) };
}

type Held = Awaited<ReturnType<typeof held>>;

const tokenOf = (id: string) =>
  String(target.requests.filter(({ path }) => path === `/${id}`).at(-1)?.headers['x-run-token']);

async function send({ path, token }: Pick<Held, 'path' | 'token'>, offset: number | string, bytes: Buffer | string) {
  const answer = await fetch(`${api.url}/punctual${path}/log?offset=${offset}`, {
    method: 'POST',
    headers: { 'x-run-token': token, 'content-type': 'text/plain' },
    body: new Uint8Array(Buffer.from(bytes)),
  });
  const next = answer.headers.get('x-log-next-offset');
  return { status: answer.status, next: next === null ? null : Number(next), body: (await answer.json()) as Body };
}

async function read(path: string, query = '', who: Who = 'root') {
  const answer = await fetch(`${api.url}/punctual${path}/log${query}`, {
    headers: { authorization: `Bearer ${keys[who]}` },
  });
  const { headers } = answer;
  return {
    status: answer.status,
    bytes: Buffer.from(await answer.arrayBuffer()),
    type: headers.get('content-type'),
    next: headers.get('x-log-next-offset'),
    complete: headers.get('x-log-complete'),
    dropped: headers.get('x-log-dropped'),
  };
}

const complete = ({ path, token }: Held) =>
  api.http.post(`/punctual${path}/complete`).set('x-run-token', token).send({}).expect(200);
const follow = (path: string, query = '', headers: Record<string, string> = {}, who: Who = 'root') =>
  openEvents(`${api.url}/punctual${path}/log/follow${query}`, { authorization: `Bearer ${keys[who]}`, ...headers });
const textOf = (events: { event: string; data: string }[]) =>
  events.map(({ event, data }) => (event === 'log' ? data : '')).join('');

describe('the log of a run', () => {
  test('is read as the bytes that were sent, whatever they are, and from any of them on', async () => {
    const run = await held('bytes');
    expect(await read(run.path)).toMatchObject({ status: 200, bytes: Buffer.alloc(0), next: '0', complete: 'false' });
    const bytes = Buffer.concat([Buffer.from('Zürich\0\r\n\x1b[1m'), Buffer.from([0xff, 0xfe, 0xc3])]);
    const cut = bytes.indexOf('ü') + 1;
    expect(await send(run, 0, bytes.subarray(0, cut))).toMatchObject({ status: 200, next: cut });
    expect(await send(run, cut, bytes.subarray(cut))).toEqual({
      status: 200,
      next: bytes.length,
      body: { bytes: bytes.length, truncatedBytes: 0 },
    });
    const all = await read(run.path, '', 'reader');
    expect(all).toMatchObject({ type: 'text/plain; charset=utf-8', next: String(bytes.length), complete: 'false' });
    expect(all.bytes.equals(bytes)).toBe(true);
    expect((await read(run.path, `?offset=${cut}`)).bytes.equals(bytes.subarray(cut))).toBe(true);
    expect((await read(run.path, '?offset=999')).bytes).toHaveLength(0);
    await complete(run);
    expect(await read(run.path)).toMatchObject({ complete: 'true', next: String(bytes.length) });
  });

  test('is told with the run and its links, and not in lists', async () => {
    const run = await held('linked', {}, '/ns/a');
    await send(run, 0, 'five!');
    const { body } = await as('get', run.path).expect(200);
    const base = `/punctual/ns/a`;
    expect(body.log).toEqual({ bytes: 5, truncatedBytes: 0, complete: false });
    expect(body.links).toEqual({
      log: `${base}/runs/${run.id}/log`,
      follow: `${base}/runs/${run.id}/log/follow`,
      task: `${base}/tasks/linked`,
      trace: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    for (const path of ['/ns/a/runs', '/ns/a/tasks/linked/runs']) {
      const { items } = (await as('get', path).expect(200)).body;
      expect(items[0]).not.toHaveProperty('log');
      expect(items[0]).not.toHaveProperty('links');
    }
    const ended = (await complete(run)).body;
    expect(ended.log).toEqual({ bytes: 5, truncatedBytes: 0, complete: true });
    expect((await as('get', run.path)).body).toEqual(ended);
  });

  test('takes bytes once, and refuses gaps and other bytes with the offset to go on at', async () => {
    const run = await held('offsets');
    expect(await send(run, 3, 'x')).toMatchObject({ status: 409, next: 0, body: { code: 'log_gap' } });
    await send(run, 0, 'abc');
    expect(await send(run, 0, 'abc')).toMatchObject({ status: 200, next: 3 });
    expect(await send(run, 2, 'cde')).toMatchObject({ status: 200, next: 5 });
    expect(await send(run, 1, 'xc')).toMatchObject({ status: 409, next: 5, body: { code: 'log_conflict' } });
    expect((await read(run.path)).bytes.toString()).toBe('abcde');
  });

  test('is written by the attempt under way alone, and its offsets go on with the next attempt', async () => {
    const run = await held('attempts', { retry: { maxAttempts: 2, minBackoff: '10ms', maxBackoff: '10ms' } });
    await send(run, 0, 'one ');
    const fail = (token: string) =>
      api.http.post(`/punctual${run.path}/complete`).set('x-run-token', token).send({ status: 'failed' });
    await fail(run.token).expect(200);
    await poll(() => tokenOf('attempts') !== run.token, { what: 'the second attempt' });
    const second = { ...run, token: tokenOf('attempts') };
    expect(await send(run, 4, 'late')).toMatchObject({ status: 409, body: { code: 'attempt_over' } });
    expect(await send(second, 4, 'two')).toMatchObject({ status: 200, next: 7 });
    expect(await read(run.path)).toMatchObject({ bytes: Buffer.from('one two'), complete: 'false' });
    await fail(second.token).expect(200);
    expect(await send(second, 7, '!')).toMatchObject({ status: 409, body: { code: 'attempt_over' } });
    expect(await read(run.path)).toMatchObject({ bytes: Buffer.from('one two'), complete: 'true' });
  });

  test('keeps its first and last half, tells what was dropped, and is read on across it', async () => {
    const run = await held('long');
    const all = Buffer.from(Array.from({ length: 150_000 }, (_, place) => (place * 31) % 251));
    expect(await send(run, 0, all)).toMatchObject({
      status: 200,
      body: { bytes: 150_000, truncatedBytes: 150_000 - 65_536 },
    });
    const kept = await read(run.path);
    expect(kept).toMatchObject({ dropped: `32768-${150_000 - 32_768}`, next: '150000' });
    expect(kept.bytes.equals(Buffer.concat([all.subarray(0, 32_768), all.subarray(150_000 - 32_768)]))).toBe(true);
    const inside = await read(run.path, '?offset=40000');
    expect(inside.bytes.equals(all.subarray(150_000 - 32_768))).toBe(true);
    const events = await follow(run.path, '?offset=32000');
    const { data } = await events.next('dropped');
    expect(JSON.parse(data)).toEqual({ from: 32_768, to: 150_000 - 32_768 });
  });

  test('has no values of secrets, also where they came in two pieces', async () => {
    await as('put', '/secrets/TOKEN').send({ value: 'correct-horse-battery' }).expect(201);
    const called = { url: `${target.url}/masked`, template: true, headers: { 'x-key': '{{ secrets.TOKEN }}' } };
    const run = await held('masked', { target: called });
    await send(run, 0, 'with correct-horse');
    expect(await read(run.path)).toMatchObject({ bytes: Buffer.from('with '), next: '5' });
    expect(await send(run, 18, '-battery and so on')).toMatchObject({ status: 200, next: 36 });
    expect((await read(run.path)).bytes.toString()).toBe('with ••••••• and so on');
    expect(await send(run, 0, 'with correct-horse-battery and so on')).toMatchObject({ status: 200, next: 36 });
    await send(run, 36, ' correct-horse');
    const stream = await follow(run.path);
    await complete(run);
    await stream.next('end');
    expect(textOf(stream.events)).toBe('with ••••••• and so on *************');
    expect((await read(run.path)).bytes.toString()).toBe('with ••••••• and so on *************');
  });

  test('is refused in any other form, and where it is too much at once', async () => {
    const run = await held('forms');
    const post = (path: string) => api.http.post(`/punctual${run.path}${path}`).set('x-run-token', run.token);
    const plain = (path: string) => post(path).set('content-type', 'text/plain');
    expect((await plain('/log').send('x').expect(400)).body.errors).toMatchObject([{ pointer: '#/offset' }]);
    for (const offset of ['-1', 'x', '1.5', '9'.repeat(20)]) await plain(`/log?offset=${offset}`).send('x').expect(400);
    await post('/log?offset=0').send({ text: 'x' }).expect(415);
    await plain('/log?offset=0')
      .send('x'.repeat(256 * 1024 + 1))
      .expect(413);
    // Pages of other sites can send plain text without asking: only this call takes it.
    await plain('/complete').send('{}').expect(415);
    await api.http.post(`/punctual${run.path}/log?offset=0`).set('content-type', 'text/plain').send('x').expect(401);
    await plain('/log?offset=0')
      .set('x-run-token', `1.${'x'.repeat(43)}`)
      .send('x')
      .expect(403);
    await as('get', '/runs/nothing/log').expect(404);
    expect((await read(run.path)).bytes).toHaveLength(0);
  });

  test('is not there for another namespace', async () => {
    const run = await held('isolated', {}, '/ns/a');
    await send(run, 0, 'of a');
    for (const path of [`/runs/${run.id}/log`, `/ns/b/runs/${run.id}/log`, `/runs/${run.id}/log/follow`])
      await as('get', path, 'other').expect(404);
    const elsewhere = { path: `/ns/b/runs/${run.id}`, token: run.token };
    expect(await send(elsewhere, 4, 'x')).toMatchObject({ status: 404 });
    expect(await send({ path: `/runs/${run.id}`, token: run.token }, 4, '!')).toMatchObject({ status: 200 });
  });
});

test('many appends at a time take turns, and each is answered', async () => {
  const runs = await Promise.all(Array.from({ length: 8 }, (_, place) => held(`many-${place}`)));
  const answers = await Promise.all(
    runs.flatMap((run) => Array.from({ length: 12 }, () => send(run, 0, 'the same line\n'))),
  );
  expect(new Set(answers.map(({ status: code, next }) => `${code} ${next}`))).toEqual(new Set(['200 14']));
});

describe('a follower of a log', () => {
  test('gets what is there and what comes, with the offsets to come back with, and the end', async () => {
    const run = await held('followed');
    await send(run, 0, 'one\ntwo\n');
    const stream = await follow(run.path, '', {}, 'reader');
    expect(await stream.next('log')).toEqual({ event: 'log', id: '8', data: 'one\ntwo\n' });
    const half = Buffer.from('ü');
    await send(run, 8, half.subarray(0, 1));
    await send(run, 9, Buffer.concat([half.subarray(1), Buffer.from(' three\r')]));
    await send(run, 17, '\nfour');
    await poll(() => textOf(stream.events) === 'one\ntwo\nü three\nfour', { what: 'the rest' });
    expect(stream.events.at(-1)?.id).toBe('22');
    const later = await follow(run.path, '', { 'last-event-id': '8' });
    expect(await later.next('log')).toMatchObject({ id: '22', data: 'ü three\nfour' });
    await complete(run);
    for (const each of [stream, later]) {
      expect(await each.next('end')).toEqual({ event: 'end', id: '22', data: '{"bytes":22}' });
      await poll(() => each.ended(), { what: 'the stream to end' });
    }
    const after = await follow(run.path, '?offset=18');
    expect(await after.next('end')).toMatchObject({ id: '22' });
    expect(textOf(after.events)).toBe('four');
  });

  test('of a run without a log gets its end', async () => {
    const run = await held('silent');
    const stream = await follow(run.path);
    await complete(run);
    expect(await stream.next('end')).toMatchObject({ id: '0' });
  });

  test('comes back with an id of this stream or is refused', async () => {
    const run = await held('ids');
    await as('get', `${run.path}/log/follow`).set('last-event-id', 'x:1').expect(400);
    await as('get', '/runs/01939000-0000-7000-8000-000000000000/log/follow').expect(404);
  });

  test('is let go when its key is deleted', async () => {
    const { body } = await as('post', '/keys')
      .send({ name: 'short', role: 'reader', namespace: 'default' })
      .expect(201);
    const run = await held('revoked');
    const stream = await openEvents(`${api.url}/punctual${run.path}/log/follow`, {
      authorization: `Bearer ${body.key}`,
    });
    expect(stream.status).toBe(200);
    await as('delete', `/keys/${body.id}`).expect(204);
    await poll(() => stream.ended(), { what: 'the stream to end' });
  });
});
